package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	tests := []struct {
		err  error
		code int
	}{
		{nil, 0},
		{cause, 1},
		{os.ErrNotExist, 1},
		{outputError{syscall.ENOSPC}, 1},
		{outputError{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}}, 0},
		{syscall.EPIPE, 1}, // a peer that went away is no reader of ours
		{usageError{cause}, 2},
		{peerError{cause}, 3},
		{answerError{cause}, 4},
		{connectError{cause}, 5},
		{timeoutError{cause}, 6},
		{interrupted{cause}, 130},
		{fmt.Errorf("around: %w", peerError{cause}), 3},
		{withHint(fmt.Errorf("around: %w", withHint(timeoutError{cause}, "inner")), "outer"), 6},
		{errors.Join(io.EOF, answerError{cause}), 4},
		{silenced{connectError{cause}}, 5},
	}
	seen := map[int]bool{}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.code {
			t.Errorf("exitCode(%#v) = %d, want %d", tt.err, got, tt.code)
		}
		seen[tt.code] = true
		if tt.err != nil && tt.code > 1 && !errors.Is(tt.err, cause) {
			t.Errorf("%#v hides its cause", tt.err)
		}
	}
	for _, row := range exits {
		if !seen[row.code] {
			t.Errorf("exit code %d (%s) has no case here", row.code, row.meaning)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	err := withHint(fmt.Errorf("request: %w", withHint(peerError{errors.New("said \x1b[2J\x9b1m and\r\nleft")}, "inner\nsecond")), "outer")
	var stderr bytes.Buffer
	if code := report(t.Context(), &Env{Stderr: &stderr}, err); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	const want = `fcgiscope: request: said \x1b[2J\x9b1m and\r\nleft
fcgiscope: hint: outer
fcgiscope: hint: inner
fcgiscope: hint: second
`
	if got := stderr.String(); got != want {
		t.Errorf("stderr is\n%s\nwant\n%s", got, want)
	}
	stderr.Reset()
	if code := report(t.Context(), &Env{Stderr: &stderr}, silenced{err}); code != 3 || stderr.Len() > 0 {
		t.Errorf("silenced: exit code %d, stderr %q, want 3 and nothing", code, stderr.String())
	}
}
