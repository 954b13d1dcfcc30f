package commands

import (
	"bytes"
	"io"
	"os"
)

// A spool keeps what is written to it: the first of it, spoolMemory bytes, in
// memory, more in a temporary file that only this process can see.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	last   byte // that was written
}

func (s *spool) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.last = p[len(p)-1]
	if s.file == nil && s.memory.Len()+len(p) <= spoolMemory {
		return s.memory.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "fcgiscope-answer-*")
		if err != nil {
			return 0, err
		}
		s.file = f
		_ = os.Remove(f.Name()) // close does it where an open file cannot be removed
	}
	return s.file.Write(p)
}

// copy writes to w what was kept.
func (s *spool) copy(w io.Writer) error {
	if _, err := w.Write(s.memory.Bytes()); err != nil {
		return err
	}
	if s.file == nil {
		return nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.file)
	return err
}

// close gives the spool up.
func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
