package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestPatient(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("some bytes "), patientBuffer/5)
	for name, r := range map[string]io.Reader{
		"at once":     bytes.NewReader(content),
		"in pieces":   iotest.HalfReader(bytes.NewReader(content)),
		"data on end": iotest.DataErrReader(bytes.NewReader(content)),
	} {
		got, err := io.ReadAll(patient(t.Context(), r))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %d bytes, error %v, want %d", name, len(got), err, len(content))
		}
	}
}

// TestPatientInterrupted: what comes soon after an interrupt is still read.
func TestPatientInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pr, pw := io.Pipe()
		r := patient(ctx, pr)
		go func() {
			pw.Write([]byte("before"))
			cancel()
			time.Sleep(drainTime / 2)
			pw.Write([]byte(" and after"))
		}()
		got, err := io.ReadAll(r)
		if string(got) != "before and after" || !errors.Is(err, context.Canceled) {
			t.Errorf("got %q, error %v, want all of it and the cause", got, err)
		}
		pw.Close() // ends the read that was given up
	})
}
