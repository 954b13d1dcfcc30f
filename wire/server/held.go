package server

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// A heldBody is one that has come whole. It is read once, and closed.
type heldBody struct {
	io.Reader
	file *os.File // nil if it is short
}

// holdBody reads r to its end, and holds so many bytes of it in memory, and the
// rest in a temporary file that has no name. The error is that of r, or a
// failedError where there is no place for it, or more than most bytes.
func holdBody(r io.Reader, memory, most int64) (*heldBody, error) {
	start, err := io.ReadAll(io.LimitReader(r, memory))
	if err != nil {
		return nil, err
	}
	if int64(len(start)) < memory {
		return &heldBody{Reader: bytes.NewReader(start)}, nil
	}
	f, err := os.CreateTemp("", "fcgiscope-body-*")
	if err != nil {
		return nil, failure(507, "no place for the body: %v", err)
	}
	h := &heldBody{io.MultiReader(bytes.NewReader(start), f), f}
	_ = os.Remove(f.Name()) // close does it where an open file cannot be removed
	n, err := io.Copy(f, io.LimitReader(r, most-memory+1))
	if err == nil && n > most-memory {
		err = failure(413, "the body has more than %d bytes", most)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = failure(507, "no place for the body: %v", err)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *heldBody) close() {
	if h.file != nil {
		h.file.Close()
		_ = os.Remove(h.file.Name())
	}
}

// An accounted reader counts what it reads towards a total, and fails with
// errHeld when that is more than most.
type accounted struct {
	r     io.Reader
	total *atomic.Int64
	most  int64
	n     int64 // of the total
}

var errHeld = errors.New("server: too many bytes of bodies are held")

// Read implements io.Reader.
func (a *accounted) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.n += int64(n)
	if a.total.Add(int64(n)) > a.most {
		return n, errHeld
	}
	return n, err
}

func (a *accounted) giveBack() { a.total.Add(-a.n) }
