package capture

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

func matchGzip(head []byte) int {
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		return scoreMagic
	}
	return 0
}

// openGzip looks into what is compressed.
func openGzip(r *bufio.Reader, o Options) (Source, error) {
	if o.depth == maxNesting {
		return nil, errors.New("capture: compressed too often")
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", zipError(err))
	}
	src, _, err := Open(&gunzip{z: z}, Options{depth: o.depth + 1})
	if err != nil {
		return nil, fmt.Errorf("gzip of: %w", err)
	}
	return src, nil
}

// A gunzip reads compressed data. Where that is cut or damaged the error comes
// once, behind what could be read, and then the end.
type gunzip struct {
	z      *gzip.Reader
	failed bool
}

func (g *gunzip) Read(b []byte) (int, error) {
	if g.failed {
		return 0, io.EOF
	}
	n, err := g.z.Read(b)
	if err != nil && err != io.EOF {
		g.failed = true
		err = &InputError{Where: "gzip", Err: zipError(err)}
	}
	return n, err
}

// zipError says in words what is wrong with compressed data.
func zipError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the compressed file is cut")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("no gzip file")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the checksum of the compressed file is wrong: it is damaged")
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return fmt.Errorf("the compressed file is damaged before its byte %d", int64(corrupt))
	}
	return err
}
