package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// The parts of a session that save has written.
const (
	sessionPart = "session"
	seenPart    = "seen"
)

// fileWords reads FILE, and force where the command writes one. The example is
// for who gave none.
func (l *shellLine) fileWords(example string) (name string, force bool, err error) {
	args, err := l.args()
	switch {
	case err != nil:
		return "", false, err
	case len(args) == 0:
		return "", false, l.fail(l.restAt, "such as: "+l.name+" "+example, "no file")
	case len(args) == 1:
		return args[0].text, false, nil
	case args[1].text == "force" && l.name != "load":
		if len(args) > 2 {
			return "", false, l.fail(args[2].at, l.name+" takes a file, and force", "unexpected %q", args[2].text)
		}
		return args[0].text, true, nil
	}
	hint := "a name with blanks needs quotes"
	if l.name != "load" {
		hint += "; force writes over a file"
	}
	return "", false, l.fail(args[1].at, hint, "unexpected %q", args[1].text)
}

// save FILE [force]: what was done, and in a .txtar file what was seen, too.
func (s *shellSession) save(_ context.Context, l *shellLine) error {
	name, force, err := l.fileWords("session.txtar")
	if err != nil {
		return err
	}
	s.mu.Lock()
	content, err := s.kept(strings.EqualFold(filepath.Ext(name), ".txtar"))
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return writePrivate(name, content, force)
}

// kept is what save writes. s.mu is held.
func (s *shellSession) kept(seen bool) ([]byte, error) {
	if s.lines.lost || seen && s.seen.lost {
		return nil, fmt.Errorf("this session is too long to be saved: over %d MiB", maxSession>>20)
	}
	var b bytes.Buffer
	if seen {
		b.WriteString("# A session of fcgiscope shell. It is run again, and compared with what was seen, by\n# fcgiscope shell -c 'load FILE'\n-- " + sessionPart + " --\n")
	}
	for _, line := range s.lines.all {
		b.WriteString(line + "\n")
	}
	if seen {
		_ = s.seen.Flush() // into memory
		b.WriteString("-- " + seenPart + " --\n")
		b.Write(s.seen.text.Bytes())
	}
	return b.Bytes(), nil
}

// writePrivate writes a file that only its owner may read, as it can hold
// secrets; over one that is there only by force.
func writePrivate(name string, content []byte, force bool) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if !force {
			return withHint(fmt.Errorf("%s: exists already", name), "to write over it, the word force behind it")
		}
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
		if err == nil {
			err = f.Chmod(0o600)
		}
	}
	if err == nil {
		_, err = f.Write(content)
		err = errors.Join(err, f.Close())
	} else if f != nil {
		f.Close()
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = cannotWrite(name, err)
	}
	return err
}

// record FILE [force], or record off: keep the conversation from now on.
func (s *shellSession) record(_ context.Context, l *shellLine) error {
	if l.rest == "off" {
		if s.recorder == nil {
			return l.fail(l.restAt, "record FILE begins", "nothing is recorded")
		}
		return s.stopRecording()
	}
	name, force, err := l.fileWords("session.pcapng")
	if err != nil {
		return err
	}
	if s.recorder != nil {
		return l.fail(l.nameAt, "record off ends it", "%s is being recorded already", s.recorder.file.Name())
	}
	r, err := (&recording{file: name, force: force}).open(nil)
	var exists hinted
	if errors.As(err, &exists) { // with the flag of a command line
		err = withHint(exists.error, "to write over it, the word force behind it")
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorder = r
	return s.shown.add(pretty.Format{}, r, nil)
}

func (s *shellSession) stopRecording() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recorder
	s.recorder = nil
	s.removeSink(r)
	return r.Close()
}

// removeSink takes a sink away that add has added. s.mu is held.
func (s *shellSession) removeSink(sink pretty.Sink) {
	s.shown.sinks = slices.DeleteFunc(s.shown.sinks, func(other pretty.Sink) bool { return other == sink })
}
