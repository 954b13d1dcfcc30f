package commands

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestReadmeSessions: what the README shows is what the program prints, against
// a real php-fpm. With README_UPDATE=1 in the environment the README is
// rewritten.
func TestReadmeSessions(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "README.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fpm := wiretest.RealPeer(t, "php-fpm")
	// Paths of the README, and what they are here. The root has the same
	// length, because lengths and padding are shown.
	there := strings.NewReplacer(
		"/var/www/html", sameLengthRoot(t, "/var/www/html", fpm["root"]),
		"/run/php/php8.2-fpm.sock", fpm["unix"],
		"127.0.0.1:9000", fpm["tcp"],
		" fixtures/", " ../fixtures/",
	)
	back := strings.NewReplacer(
		there.Replace("/var/www/html"), "/var/www/html",
		fpm["unix"], "/run/php/php8.2-fpm.sock",
		fpm["tcp"], "127.0.0.1:9000",
		"../fixtures/", "fixtures/",
	)
	sessions := regexp.MustCompile("(?s)```console\n(.*?)```")
	blocks := 0
	got := sessions.ReplaceAllStringFunc(string(b), func(block string) string {
		blocks++
		return "```console\n" + session(t, sessions.FindStringSubmatch(block)[1], there, back) + "```"
	})
	if blocks < 4 {
		t.Fatalf("only %d sessions were found", blocks)
	}
	if os.Getenv("README_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(b), got); diff != "" {
		t.Errorf("README.md shows something else than is printed (-shown +printed):\n%s", diff)
	}
}

// session runs the commands of a block, and returns the block as it should be.
func session(t *testing.T, block string, there, back *strings.Replacer) string {
	t.Helper()
	var out strings.Builder
	for _, line := range strings.Split(block, "\n") {
		command, ok := strings.CutPrefix(line, "$ ./fcgiscope ")
		if !ok {
			continue
		}
		fmt.Fprintln(&out, line)
		var said bytes.Buffer // both streams, as on a terminal
		env, _, _ := testEnv("")
		env.Stdout, env.Stderr = &said, &said
		Main(t.Context(), append([]string{"fcgiscope"}, words(there.Replace(command))...), env)
		text := strings.ReplaceAll(back.Replace(said.String()), "\r\n", "\n") // a CGI header ends its lines so
		text = regexp.MustCompile(`PHP/8\.\d\.\d\d`).ReplaceAllString(text, "PHP/8.2.35")
		out.WriteString(text)
		if text != "" && !strings.HasSuffix(text, "\n") {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// words splits a command at spaces, and takes single quotes off.
func words(command string) (args []string) {
	for _, w := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1) {
		args = append(args, strings.Trim(w, "'"))
	}
	return args
}

// sameLengthRoot links to root under a path that is as long as want.
func sameLengthRoot(t *testing.T, want, root string) string {
	t.Helper()
	for range 10 {
		link := fmt.Sprintf("/tmp/%0*x", len(want)-len("/tmp/"), rand.Uint32())
		if len(link) != len(want) {
			t.Fatalf("%s is not as long as %s", link, want)
		}
		if os.Symlink(root, link) == nil {
			t.Cleanup(func() { os.Remove(link) })
			return link
		}
	}
	t.Fatal("no free name in /tmp")
	return ""
}
