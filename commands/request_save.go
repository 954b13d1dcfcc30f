package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/redact"
)

// A saved request is a file of the flags that made it, one a line, for people to
// edit and for version control:
//
//	# comment
//	address 127.0.0.1:9000
//	url /login.php?from=shell
//	header Accept: text/plain
//	data name=alice
//	keep-conn
//
// A line is the name of a flag, without dashes, and behind a space its value up
// to the end of the line; what begins with a double quote is a string as Go
// writes it. address and url are the arguments. What is read comes before the
// flags of the command line, as if it had been typed there first.

// saveOptions say where a request is kept, and where it comes from.
type saveOptions struct {
	save    string
	load    list // expanded before flags are parsed; see loaded
	secrets bool
	force   bool // to write over a file
}

const savingFlags = "Saving"

func (o *saveOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "save", Category: savingFlags, Usage: "keep the request in `FILE`, as flags, one a line, without secrets (--force: over another file); it is sent, too", Destination: &o.save},
		&cli.GenericFlag{Name: "load", Category: savingFlags, Usage: "take the flags and arguments in `FILE`, before those of the command line; may come several times", Value: &o.load},
		&cli.BoolFlag{Name: "keep-secrets", Category: savingFlags, Usage: "with --save, passwords, tokens and cookies, too", Destination: &o.secrets},
	}
}

// check refuses flags that would do nothing.
func (o *saveOptions) check() error {
	switch {
	case o.secrets && o.save == "":
		return usagef("request: --keep-secrets is for --save")
	}
	return nil
}

// A setting is a flag as it was given.
type setting struct {
	name  string
	value string
	takes bool // a value
}

// settings returns the flags of a command line that say what is sent, and how,
// in their order; flags are those of the command. What shows the answer is not
// among them.
func settings(words []string, flags []cli.Flag) (given []setting) {
	sent := map[string]bool{"head": true}
	for _, f := range flags {
		switch categoryOf(f) {
		case requestFlags, bodyFlags, paramFlags, protocolFlags:
			sent[namesOf(f)[0]] = true
		}
	}
	for _, name := range []string{"offline", "explain-params", "diff"} { // they send nothing
		delete(sent, name)
	}
	for _, word := range words {
		name, value, takes := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "--") && sent[name] {
			given = append(given, setting{name, value, takes})
		}
	}
	return given
}

// secretIn returns what of a setting is a secret, "" if nothing is.
func (s setting) secretIn(r *redact.Redactor) string {
	switch s.name {
	case "user":
		return "user"
	case "cookie":
		if strings.Contains(s.value, "=") {
			return "cookie"
		}
	case "header", "param":
		name, _, ok := strings.Cut(s.value, map[string]string{"header": ":", "param": "="}[s.name])
		if ok && !strings.HasPrefix(s.value, "@") && r.Secret(strings.TrimSpace(name)) {
			return s.name + " " + strings.TrimSpace(name)
		}
	}
	return ""
}

// texts are the settings in whose values there may be names and values.
var texts = []string{"url", "data", "data-raw", "data-binary", "data-urlencode", "json", "form", "form-string", "referer"}

// masked returns the value of a setting as it may be kept: with stars in place
// of what is a secret in a URL or a body. Files are named, and not kept.
func (s setting) masked(r *redact.Redactor) string {
	if !slices.Contains(texts, s.name) || strings.HasPrefix(s.value, "@") {
		return s.value
	}
	return r.Text(s.value)
}

// write keeps the request that args and given make, which is not written over
// another file. It tells what was left out.
func (o *saveOptions) write(env *Env, args []string, given []setting) error {
	var b strings.Builder
	b.WriteString("# A request. To send it: fcgiscope request --load FILE\n")
	b.WriteString(line("address", args[0]))
	if len(args) > 1 {
		given = slices.Concat([]setting{{"url", args[1], true}}, given)
	}
	r := redact.New()
	var left []string
	for _, s := range given {
		secret := s.secretIn(r)
		if !o.secrets {
			if masked := s.masked(r); masked != s.value {
				left = append(left, s.name+" (masked)")
				s.value = masked
			}
		}
		switch {
		case secret != "" && !o.secrets:
			left = append(left, secret)
			fmt.Fprintf(&b, "# %s is a secret, and left out\n", strconv.Quote(secret))
		case s.takes:
			b.WriteString(line(s.name, s.value))
		default:
			b.WriteString(s.name + "\n")
		}
	}
	if err := writeNew(o.save, []byte(b.String()), o.force); err != nil {
		return err
	}
	if len(left) > 0 {
		complain(env, fmt.Sprintf("hint: left out of %s, as secrets: %s; --keep-secrets keeps them", o.save, strings.Join(left, ", ")))
	}
	return nil
}

// line writes a setting that takes a value.
func line(name, value string) string {
	plain := value != "" && utf8.ValidString(value) && strings.TrimSpace(value) == value && value[0] != '"' &&
		!strings.ContainsFunc(value, func(r rune) bool { return !strconv.IsPrint(r) })
	if !plain {
		value = strconv.Quote(value)
	}
	return name + " " + value + "\n"
}

// writeNew makes a file that only its owner can read.
func writeNew(name string, content []byte, force bool) error {
	if _, err := os.Lstat(name); err == nil {
		if force {
			return replaceFile(name, content)
		}
		return withHint(fmt.Errorf("%s: exists already", name), "to write over it: --force")
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return cannotWrite(name, err)
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// maxSaved is the most bytes of a saved request.
const maxSaved = 16 << 20

// loaded puts the flags and arguments of the files of --load into a command
// line, before its own.
func loaded(ctx context.Context, env *Env, line commandLine) (commandLine, error) {
	const flag = "--load="
	begin := slices.IndexFunc(line.words, func(w string) bool { return strings.HasPrefix(w, "--") })
	if line.command == nil || begin < 0 || tableOf(line.command.Flags)["load"].name == "" {
		return line, nil
	}
	end := slices.Index(line.words, "--")
	var flags []string
	args := []string{"", ""}
	for _, word := range line.words[begin:end] {
		name, ok := strings.CutPrefix(word, flag)
		if !ok {
			continue
		}
		text, err := readInput(ctx, env, name, maxSaved)
		if err != nil {
			return line, err
		}
		more, err := parseSaved(string(text), tableOf(line.command.Flags), args)
		if err != nil {
			return line, usagef("%s: %w", name, err)
		}
		flags = append(flags, more...)
	}
	if flags == nil && args[0] == "" && args[1] == "" {
		return line, nil
	}
	own := slices.DeleteFunc(slices.Clone(line.words[begin:end]), func(w string) bool { return strings.HasPrefix(w, flag) })
	typed := line.words[end+1:]
	for i, arg := range args {
		if i == len(typed) && arg != "" {
			typed = append(slices.Clone(typed), arg)
		}
	}
	line.words = slices.Concat(line.words[:begin], flags, own, []string{"--"}, typed)
	return line, nil
}

// parseSaved reads a saved request; it sets args where the file does.
func parseSaved(text string, table flagTable, args []string) (flags []string, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		name, value, has := strings.Cut(strings.TrimPrefix(line, "--"), " ")
		if strings.HasPrefix(value, `"`) {
			if value, err = strconv.Unquote(value); err != nil {
				return nil, fmt.Errorf("line %d: what begins with a double quote has to be a string as Go writes it", n)
			}
		}
		if i := slices.Index([]string{"address", "url"}, name); i >= 0 {
			args[i] = value
			continue
		}
		row, known := table[name]
		switch {
		case !known:
			return nil, fmt.Errorf("line %d: %w", n, table.unknown(name, name))
		case slices.Contains([]string{"load", "save", "help"}, row.name):
			return nil, fmt.Errorf("line %d: %s is for the command line only", n, name)
		case row.value && !has:
			return nil, fmt.Errorf("line %d: %s needs a value", n, name)
		case !row.value && has:
			return nil, fmt.Errorf("line %d: %s takes no value", n, name)
		case has:
			flags = append(flags, "--"+row.name+"="+value)
		default:
			flags = append(flags, "--"+row.name)
		}
	}
	return flags, nil
}
