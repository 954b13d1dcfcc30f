package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenBody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large := bytes.Repeat([]byte("0123456789abcde\n"), spoolMemory/16+1)
	file, big, empty := write("file", []byte("line\r\n\x00")), write("big", large), write("empty", nil)
	tests := []struct {
		name  string
		parts []string
		stdin string
		want  string
	}{
		{"text", []string{"a=b"}, "", "a=b"},
		{"empty text", []string{""}, "", ""},
		{"several", []string{"a=b", "@" + file, "c"}, "", "a=b&line\r\n\x00&c"},
		{"file as it is", []string{"@" + file}, "", "line\r\n\x00"},
		{"empty file", []string{"@" + empty}, "", ""},
		{"large file", []string{"@" + big}, "", string(large)},
		{"stdin", []string{"@-"}, "from stdin", "from stdin"},
		{"large stdin", []string{"@-"}, string(large), string(large)},
		{"stdin that just fits", []string{"@-"}, string(large[:spoolMemory]), string(large[:spoolMemory])},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// A reader that is no file, as a pipe.
			b, err := openBody(t.Context(), &Env{Stdin: strings.NewReader(tt.stdin)}, tt.parts)
			if err != nil {
				t.Fatal(err)
			}
			defer b.close()
			got, err := io.ReadAll(b.r)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want || b.size != int64(len(tt.want)) {
				t.Errorf("got %d bytes, size %d, want %d: %.60q", len(got), b.size, len(tt.want), got)
			}
		})
	}
}

func TestOpenBodyNone(t *testing.T) {
	t.Parallel()
	b, err := openBody(t.Context(), &Env{}, nil)
	if err != nil || b.r != nil {
		t.Errorf("openBody() = %v, %v, want no reader", b.r, err)
	}
}

// TestOpenBodyStdinFile: standard input that is a file is not read beforehand,
// and begins where it stands.
func TestOpenBodyStdinFile(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte("x"), 3*smallBody)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(10, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := openBody(t.Context(), &Env{Stdin: f}, []string{"@-"})
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := f.Seek(0, io.SeekCurrent); at != 10 {
		t.Errorf("the file was read up to %d before it was asked for", at)
	}
	if want := int64(3*smallBody - 10); b.size != want {
		t.Errorf("size %d, want %d", b.size, want)
	}
	// A file that becomes shorter must not make the application wait.
	if err := f.Truncate(smallBody); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(b.r); err == nil || !strings.Contains(err.Error(), "became shorter") {
		t.Errorf("reading a file that became shorter: error %v", err)
	}
}

func TestOpenBodyErrors(t *testing.T) {
	t.Parallel()
	for part, want := range map[string]int{"@": 2, "@/nonexistent/file": 1, "@.": 1} {
		_, err := openBody(t.Context(), &Env{}, []string{"x", part})
		if err == nil || exitCode(err) != want {
			t.Errorf("%s: error %v, want exit code %d", part, err, want)
		}
	}
}

// TestOpenBodyGivenUp: neither a pipe that nobody writes to nor an input
// without end outlasts --max-time.
func TestOpenBodyGivenUp(t *testing.T) {
	t.Parallel()
	silent, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	for name, stdin := range map[string]io.Reader{"silent": silent, "endless": endless{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := errors.New("too late")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
			defer cancel()
			if _, err := openBody(ctx, &Env{Stdin: stdin}, []string{"@-"}); !errors.Is(err, late) {
				t.Errorf("error %v, want the cause of the context", err)
			}
		})
	}
}

// endless is an input that always has more.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSpoolLimit(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int]bool{9: true, 10: true, 11: false} {
		var b body
		r, n, err := b.spool(strings.NewReader(strings.Repeat("x", size)), "it", 10)
		if (err == nil) != ok {
			t.Errorf("%d bytes: error %v", size, err)
		}
		if ok {
			if got, err := io.ReadAll(r); err != nil || len(got) != size || n != int64(size) {
				t.Errorf("%d bytes: got %d, size %d, error %v", size, len(got), n, err)
			}
		}
		b.close()
	}
}
