package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestOneHand: every command answers the same mistakes in the same words, with
// its name before them, a hint behind, and nothing on stdout.
func TestOneHand(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		words := strings.TrimPrefix(c.HelpName, "fcgiscope ")
		for mistake, want := range map[string]string{
			"--nonsense":  `unknown flag "--nonsense"`,
			"--hlep":      `unknown flag "--hlep" (did you mean --help?)`,
			"--help=many": "--help takes no value",
		} {
			got := runMain(t, "", append(strings.Fields(words), mistake)...)
			want = "fcgiscope: " + words + ": " + want + "\nfcgiscope: hint: see " + c.HelpName + " --help\n"
			if got.code != 2 || got.stdout != "" || got.stderr != want {
				t.Errorf("%s %s: exit code %d, stdout %q, stderr %q, want 2 and %q", c.HelpName, mistake, got.code, got.stdout, got.stderr, want)
			}
		}
		if len(c.Subcommands) == 0 {
			return
		}
		for mistake, want := range map[string]string{
			"":                           "which one?\nfcgiscope: hint: " + c.HelpName + " --help lists them",
			"nothing-like-it":            `unknown command "nothing-like-it"` + "\nfcgiscope: hint: " + c.HelpName + " --help lists them",
			c.Subcommands[0].Name + "en": `unknown command "` + c.Subcommands[0].Name + `en" (did you mean ` + c.Subcommands[0].Name + "?)",
		} {
			got := runMain(t, "", strings.Fields(words+" "+mistake)...)
			if want = "fcgiscope: " + words + ": " + want + "\n"; got.code != 2 || got.stdout != "" || got.stderr != want {
				t.Errorf("%s %s: exit code %d, stdout %q, stderr %q, want 2 and %q", c.HelpName, mistake, got.code, got.stdout, got.stderr, want)
			}
		}
	})
}

// TestFlagNames: no two flags of a command have the same name, and a flag that
// several commands have is short for all that abbreviate it in the same way.
func TestFlagNames(t *testing.T) {
	t.Parallel()
	short := map[string]string{}
	eachCommand(newTestApp(), func(c *cli.Command) {
		seen := map[string]bool{}
		for _, f := range c.Flags {
			text := flagTextOf(f.(cli.DocGenerationFlag))
			for _, name := range namesOf(f) {
				if seen[name] {
					t.Errorf("%s has two flags %q", c.HelpName, name)
				}
				seen[name] = true
			}
			if text.short == "" || text.long == "" {
				continue
			}
			if other := short[text.long]; other != "" && other != text.short {
				t.Errorf("%s: --%s is -%s, elsewhere -%s", c.HelpName, text.long, text.short, other)
			}
			short[text.long] = text.short
		}
	})
}

// differing are the flags that mean something else, or have another default, in
// some commands, and why.
var differing = map[string]string{
	"as":              "one request, or all that a gateway makes",
	"drain":           "a tap has connections, a gateway requests; who waits for a web server's stop waits shorter",
	"export":          "a tap knows one form: a command line",
	"follow-symlinks": "below which directory, and for which apps",
	"format":          "what is printed differs: records, a report, a page; its short form is -f but for request, where curl's -f is --fail",
	"from":            "where the formats are listed, and what is read",
	"id":              "the id to send, or that of the records to show",
	"index":           "request has no files to look at, so its index runs what is no script; that of gateway is nginx's",
	"layout":          "replay compares it, serve keeps it",
	"limit":           "dump counts records, replay requests",
	"listen":          "replay answers as another program, fpm exporter speaks HTTP and has a port of its own",
	"max-body":        "what is shown, or what a gateway takes",
	"max-conns":       "connections of web servers, which wait and are told of the limit; or of browsers",
	"max-time":        "what asks a few questions has a limit that no answer needs; a body may take for ever",
	"paced":           "records, requests, or answers",
	"param":           "a gateway reads no files for it",
	"port":            "replay captures nothing",
	"root":            "where the scripts are for the application, or for the gateway",
	"root-map":        "what stands there: the request that is made, the one that was kept, the file that is found",
	"script":          "below which root",
	"silent":          "what goes to stdout is the answer, or what a server tells",
	"status-path":     "a gateway does not ask without it",
	"timeout":         "questions are answered sooner than requests",
	"user":            "who asks, or who is let in",
	"verbose":         "fpm check shows what it has judged",
}

// TestOneFlagOneMeaning: a flag is the same in all commands: its value, its
// text, its default; or it is listed why not.
func TestOneFlagOneMeaning(t *testing.T) {
	t.Parallel()
	texts, where, differs := map[string]flagText{}, map[string]string{}, map[string]bool{}
	eachCommand(newTestApp(), func(c *cli.Command) {
		for _, f := range c.Flags {
			text := flagTextOf(f.(cli.DocGenerationFlag))
			name := text.long
			if name == "" {
				continue
			}
			other, seen := texts[name]
			if !seen {
				texts[name], where[name] = text, c.HelpName
				continue
			}
			if text == other {
				continue
			}
			differs[name] = true
			if differing[name] == "" {
				t.Errorf("--%s is %+v in %s, and %+v in %s", name, other, where[name], text, c.HelpName)
			}
		}
	})
	for name := range differing {
		if !differs[name] {
			t.Errorf("--%s is the same everywhere", name)
		}
	}
}

// TestUnits: a flag that takes a length of time says TIME and takes seconds, one
// for bytes says BYTES and takes K, M and G, and one that counts says N.
func TestUnits(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		for _, f := range c.Flags {
			generic, ok := f.(*cli.GenericFlag)
			if !ok {
				continue
			}
			value, want := flagTextOf(generic).value, ""
			switch generic.Value.(type) {
			case *duration, *moment:
				want = "TIME"
			case *byteSize:
				want = "BYTES"
			}
			if _, ok := generic.Value.(*byteSize); want != "" && value != want || value == "BYTES" && !ok {
				t.Errorf("%s: --%s takes %s, want %s", c.HelpName, generic.Name, value, want)
			}
			for _, other := range []string{"DURATION", "SECONDS", "SIZE", "NUM", "COUNT"} {
				if value == other {
					t.Errorf("%s: --%s takes %s, which is called otherwise elsewhere", c.HelpName, generic.Name, value)
				}
			}
			if strings.Contains(generic.Usage, "several times") && !strings.Contains(generic.Usage, "may come several times") {
				t.Errorf("%s: --%s: %q: want it to be said as elsewhere", c.HelpName, generic.Name, generic.Usage)
			}
		}
	})
}

// TestSameTroubles: every command that talks to an application says in the same
// words, with the same hint, what is wrong with its address, and sends nothing.
func TestSameTroubles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, socket, records := filepath.Join(dir, "file"), filepath.Join(dir, "none"), filepath.Join(dir, "records")
	for name, content := range map[string]string{file: "no socket", records: "> GET_VALUES\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	capture := filepath.Join("..", "fixtures", "capture", "nginx-php-get.pcap")
	asking := []string{
		"request ADDR", "get-values ADDR", "send ADDR " + records, "shell ADDR -c exit", "replay " + capture + " ADDR",
		"fpm ping ADDR", "fpm status ADDR", "fpm check ADDR",
	}
	troubles := []struct {
		addr string
		code int
		says string
	}{
		{"a:b:c", 2, `address "a:b:c": is ambiguous; an IPv6 address is written [ADDRESS]:PORT` + "\n"},
		{"127.0.0.1:99999", 2, `address "127.0.0.1:99999": "99999" is no port, 0 to 65535` + "\n"},
		{"app:ecko", 2, "address app:ecko: no such application (did you mean app:echo?)\n"},
		{"exec:/nonexistent", 5, "start /nonexistent: no such command\nfcgiscope: hint: a command that is not in PATH needs its path, such as exec:./app\n"},
		{socket, 5, "connect to unix:" + socket + ": no such socket\nfcgiscope: hint: is the application running? php-fpm names its socket in the pool's listen =\n"},
		{file, 5, "connect to unix:" + file + ": not a stream socket\nfcgiscope: hint: the path of the application's socket is needed, not that of a script or a directory\n"},
		{"127.0.0.1:1", 5, "connect to tcp:127.0.0.1:1: connection refused\nfcgiscope: hint: is the application running, and does it listen on this address?\n"},
	}
	for _, command := range asking {
		for _, trouble := range troubles {
			got := runMain(t, "", strings.Fields(strings.Replace(command, "ADDR", trouble.addr, 1))...)
			if want := "fcgiscope: " + trouble.says; got.code != trouble.code || got.stdout != "" || got.stderr != want {
				t.Errorf("%s: exit code %d, stdout %q, stderr\n%s, want %d and\n%s", command, got.code, got.stdout, got.stderr, trouble.code, want)
			}
		}
	}
	// What is no FastCGI is named, with what to do.
	addr, stop, err := startPeer(badPeers["http"])
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, command := range []string{"request ADDR", "get-values ADDR", "send ADDR " + records, "fpm ping ADDR"} {
		got := runMain(t, "", strings.Fields(strings.Replace(command, "ADDR", addr, 1))...)
		if got.code != 3 || !strings.Contains(got.stderr, "looks like an HTTP response\nfcgiscope: hint: this is a web server's address, use curl there") {
			t.Errorf("%s: exit code %d, stderr\n%s", command, got.code, got.stderr)
		}
	}
}

// TestHelpOrder: what a command does comes first, its exit codes behind that,
// then the examples; only what is for looking things up follows.
func TestHelpOrder(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		exit, examples := strings.Index(c.Description, "Exit codes: "), strings.Index(c.Description, "\nExamples:\n")
		if exit == 0 || exit > examples || examples < 0 {
			t.Errorf("%s: exit codes at %d, examples at %d of the description", c.HelpName, exit, examples)
		}
		if u := c.Usage; u == "" || strings.HasSuffix(u, ".") || strings.ToLower(u[:1]) != u[:1] {
			t.Errorf("%s: what it is, in one line, is a capital letter or a full stop away from that: %q", c.HelpName, u)
		}
	})
}
