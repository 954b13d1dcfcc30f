package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// completeKey returns what the line editor asks at each key: Tab completes the
// word before the cursor as far as that is clear, and lists what it can become
// where it is not.
func (s *shellSession) completeKey(t *term.Terminal) func(string, int, rune) (string, int, bool) {
	return func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		before := line[:pos]
		word, words := s.candidates(before)
		if len(words) == 0 {
			return line, pos, true
		}
		longest := commonPrefix(words)
		if len(words) == 1 && !strings.ContainsAny(longest[len(longest)-1:], "=/:@") {
			longest += " "
		}
		if len(longest) <= len(word) {
			_, _ = t.Write(columns(words, s.env.Terminal.Width))
			return line, pos, true
		}
		before = before[:len(before)-len(word)] + longest
		return before + line[pos:], len(before), true
	}
}

func commonPrefix(words []string) string {
	p := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, p) {
			p = p[:len(p)-1]
		}
	}
	return p
}

// maxListed is how many candidates Tab lists.
const maxListed = 200

// columns lists words side by side.
func columns(words []string, width func() int) []byte {
	total := 80
	if width != nil && width() > 0 {
		total = width()
	}
	more := max(0, len(words)-maxListed)
	words = words[:len(words)-more]
	widest := 0
	for _, w := range words {
		widest = max(widest, len([]rune(w)))
	}
	each := max(1, total/(widest+2))
	var b bytes.Buffer
	for i, w := range words {
		b.WriteString(w)
		if i%each == each-1 || i == len(words)-1 {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(strings.Repeat(" ", widest+2-len([]rune(w))))
	}
	if more > 0 {
		b.WriteString("and " + strconv.Itoa(more) + " more\n")
	}
	return b.Bytes()
}

// candidates returns the last word of a line, and what it can become.
func (s *shellSession) candidates(line string) (word string, words []string) {
	if i := strings.LastIndex(line, "; "); i >= 0 && !strings.HasPrefix(strings.TrimLeft(line, " "), ">") {
		line = line[i+2:]
	}
	line = strings.TrimLeft(line, " ")
	name, rest, more := strings.Cut(line, " ")
	if !more {
		words = append(verbNames(), "> ")
		return name, beginWith(name, words)
	}
	if name == "send" {
		rest = strings.TrimPrefix(rest, "> ")
		name = ">"
	}
	word = rest[strings.LastIndexByte(rest, ' ')+1:]
	before := strings.Fields(rest[:len(rest)-len(word)])
	if name == ">" && len(before) > 0 {
		if t, err := wire.ParseType(before[0]); err == nil {
			return word, beginWith(word, fieldWords(t, word))
		}
	}
	v := findVerb(name)
	if v == nil || v.complete == nil {
		return word, nil
	}
	return word, beginWith(word, v.complete(s, before, word))
}

// beginWith returns the words that begin so, each once and in order. One that
// cannot be shown, or needs quotes, is none.
func beginWith(prefix string, words []string) []string {
	var found []string
	for _, w := range words {
		if len(w) >= len(prefix) && strings.EqualFold(w[:len(prefix)], prefix) && pretty.Clean(w) == w && (!strings.Contains(w, " ") || w == "> ") {
			found = append(found, w)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func verbNames() []string {
	var names []string
	for _, v := range shellVerbs() {
		names = append(names, v.name)
	}
	return names
}

// typeWords are the types of records.
func typeWords(*shellSession, []string, string) []string {
	words := []string{"raw"}
	for _, spec := range wire.Specs() {
		words = append(words, spec.Name)
	}
	return words
}

// fieldWords are what can stand on the line of a record of type t: the fields of
// the header and of the body, and their values behind an =.
func fieldWords(t wire.Type, word string) []string {
	words := []string{"id=", "pad=", "padding=", "len=", "version=", "reserved="}
	spec := t.Spec()
	if spec == nil {
		return words
	}
	for _, f := range spec.Body {
		if f.Reserved {
			continue
		}
		words = append(words, f.Name+"=")
		if f.Enum != nil && strings.HasPrefix(strings.ToLower(word), strings.ToLower(f.Name)+"=") {
			for _, value := range f.Enum.List() {
				words = append(words, f.Name+"="+value)
			}
		}
	}
	switch {
	case t == wire.TypeParams:
		words = append(words, paramWords(word)...)
	case spec.Management && spec.Shape == wire.Pairs:
		words = append(words, wire.ValueNames()...)
	}
	return words
}

// paramWords are the parameters that web servers send, and values that some of
// them have.
func paramWords(word string) []string {
	var words []string
	for _, t := range paramTopics() {
		words = append(words, t.name+"=")
	}
	values := map[string][]string{
		"REQUEST_METHOD":    {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"},
		"GATEWAY_INTERFACE": {"CGI/1.1"},
		"SERVER_PROTOCOL":   {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"},
		"CONTENT_TYPE":      {"application/x-www-form-urlencoded", "application/json", "text/plain"},
		"REQUEST_SCHEME":    {"http", "https"},
		"REDIRECT_STATUS":   {"200"},
	}
	if name, _, ok := strings.Cut(word, "="); ok {
		for _, v := range values[strings.ToUpper(name)] {
			words = append(words, strings.ToUpper(name)+"="+v)
		}
	}
	return words
}

// idWords are the requests that are open; where a line has an id already, none.
func (s *shellSession) idWords(before []string) []string {
	if len(before) > 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	if s.current != nil {
		for _, id := range s.current.ids(func(*flow.Request) bool { return true }) {
			words = append(words, strconv.Itoa(int(id)))
		}
	}
	return words
}

// ofRecord completes a command that sends records of type t.
func ofRecord(t wire.Type, more ...string) func(*shellSession, []string, string) []string {
	return func(s *shellSession, before []string, word string) []string {
		words := append(s.idWords(before), fieldWords(t, word)...)
		if strings.HasPrefix(word, "@") && t.Spec().Shape == wire.Bytes {
			for _, name := range fileWords(nil, nil, word[1:]) {
				words = append(words, "@"+name)
			}
		}
		return append(words, more...)
	}
}

// maxEntries is how many names of a directory are looked at.
const maxEntries = 10000

// fileWords are the files that a name can become.
func fileWords(_ *shellSession, _ []string, word string) []string {
	dir, base := filepath.Split(word)
	d, err := os.Open(filepath.Join(dir, "."))
	if err != nil {
		return nil
	}
	defer d.Close()
	entries, _ := d.ReadDir(maxEntries) // as many as there are
	var words []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		words = append(words, dir+name)
	}
	return words
}

// addressWords are addresses, and files that can be sockets.
func addressWords(s *shellSession, before []string, word string) []string {
	words := s.asked(func(env *Env) { completeAddress(env, word) })
	if prefix, path, ok := strings.Cut(word, "unix:"); ok && prefix == "" {
		for _, name := range fileWords(s, before, path) {
			words = append(words, "unix:"+name)
		}
	} else if strings.ContainsAny(word, "/.") {
		words = append(words, fileWords(s, before, word)...)
	}
	return words
}

// asked returns what a function of the shells' completion prints.
func (s *shellSession) asked(f func(*Env)) []string {
	var b bytes.Buffer
	env := *s.env
	env.Stdout = &b
	f(&env)
	var words []string
	for line := range strings.Lines(b.String()) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		words = append(words, word)
	}
	return words
}

// requestWords completes the command request.
func requestWords(s *shellSession, before []string, word string) []string {
	flags := new(requestOptions).flags()
	words := s.asked(func(env *Env) {
		switch name, value, joined := strings.Cut(word, "="); {
		case len(before) > 0 && completeValue(env, flags, before[len(before)-1], word):
		case strings.HasPrefix(word, "-") && joined:
			completeJoined(env, flags, name, value)
		case strings.HasPrefix(word, "-"):
			completeFlags(flags, word, env.Stdout)
		case len(before) == 0:
			completeAddress(env, word)
		}
	})
	if len(words) == 0 {
		words = fileWords(s, before, word)
	}
	return words
}

// settingWords completes set.
func settingWords(_ *shellSession, before []string, _ string) []string {
	var words []string
	for _, row := range settingTable {
		if len(before) == 0 {
			words = append(words, row.name)
		} else if row.name == before[0] {
			return row.words
		}
	}
	return words
}

// helpWords completes help.
func helpWords(s *shellSession, _ []string, word string) []string {
	return append(verbNames(), s.asked(func(env *Env) { completeTopics(env, word) })...)
}

// oneOf completes words that are always the same.
func oneOf(words ...string) func(*shellSession, []string, string) []string {
	return func(*shellSession, []string, string) []string { return words }
}
