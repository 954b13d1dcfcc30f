package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// drain reads a source to its end.
func drain(t testing.TB, src Source) (chunks []Chunk, warnings []string) {
	t.Helper()
	for {
		ch, err := src.Next()
		var damage *InputError
		switch {
		case err == io.EOF:
			if err := src.Close(); err != nil {
				t.Fatal(err)
			}
			return chunks, warnings
		case errors.As(err, &damage):
			warnings = append(warnings, err.Error())
		case err != nil:
			t.Fatal(err)
		default:
			ch.Data = bytes.Clone(ch.Data)
			chunks = append(chunks, ch)
		}
	}
}
