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
	stripped := strings.ReplaceAll(string(large), "\n", "")
	tests := []struct {
		name  string
		flags []dataPart
		stdin string
		want  string
	}{
		{"text", []dataPart{{"data", "a=b"}}, "", "a=b"},
		{"empty text", []dataPart{{"data", ""}}, "", ""},
		{"several", []dataPart{{"data", "a=b"}, {"data", "@" + file}, {"data", "c"}}, "", "a=b&line&c"},
		{"file as it is", []dataPart{{"data-binary", "@" + file}}, "", "line\r\n\x00"},
		{"raw", []dataPart{{"data-raw", "@" + file}}, "", "@" + file},
		{"encoded", []dataPart{{"data-urlencode", "a b&c=d"}}, "", "a b&c=d"},
		{"encoded content", []dataPart{{"data-urlencode", "=a b&\xe9=~"}}, "", "a+b%26%E9%3D~"},
		{"encoded alone", []dataPart{{"data-urlencode", "a b&c"}}, "", "a+b%26c"},
		{"encoded name", []dataPart{{"data-urlencode", "n=@ /"}}, "", "n=%40+%2F"},
		{"encoded file", []dataPart{{"data-urlencode", "@" + file}}, "", "line%0D%0A%00"},
		{"encoded file with a name", []dataPart{{"data-urlencode", "n@" + file}}, "", "n=line%0D%0A%00"},
		{"JSON pieces", []dataPart{{"json", "{"}, {"json", "}"}}, "", "{}"},
		{"JSON file", []dataPart{{"json", "@" + file}}, "", "line\r\n\x00"},
		{"empty file", []dataPart{{"data", "@" + empty}}, "", ""},
		{"large file", []dataPart{{"data-binary", "@" + big}}, "", string(large)},
		{"large file, stripped", []dataPart{{"data", "@" + big}}, "", stripped},
		{"stdin", []dataPart{{"data", "@-"}}, "from stdin", "from stdin"},
		{"large stdin", []dataPart{{"data-binary", "@-"}}, string(large), string(large)},
		{"large stdin, stripped", []dataPart{{"data", "@-"}}, string(large) + "!", stripped + "!"},
		{"stdin that just fits", []dataPart{{"data-binary", "@-"}}, string(large[:spoolMemory]), string(large[:spoolMemory])},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// A reader that is no file, as a pipe.
			o := bodyOptions{data: tt.flags}
			b, err := o.open(t.Context(), &Env{Stdin: strings.NewReader(tt.stdin)}, "")
			if err != nil {
				t.Fatal(err)
			}
			defer b.close()
			for range 2 { // it can be read again
				got, err := io.ReadAll(b.reader())
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != tt.want || b.size != int64(len(tt.want)) {
					t.Errorf("got %d bytes, size %d, want %d: %.60q", len(got), b.size, len(tt.want), got)
				}
			}
		})
	}
}

func TestOpenBodyNone(t *testing.T) {
	t.Parallel()
	b, err := new(bodyOptions).open(t.Context(), &Env{}, "")
	if err != nil || b.reader() != nil {
		t.Errorf("open() = %v, %v, want no reader", b, err)
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
	o := bodyOptions{data: []dataPart{{"data-binary", "@-"}}}
	b, err := o.open(t.Context(), &Env{Stdin: f}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
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
	if _, err := io.ReadAll(b.reader()); err == nil || !strings.Contains(err.Error(), "became shorter") {
		t.Errorf("reading a file that became shorter: error %v", err)
	}
}

func TestOpenBodyErrors(t *testing.T) {
	t.Parallel()
	for part, want := range map[string]int{"@": 2, "@/nonexistent/file": 1, "@.": 1} {
		o := bodyOptions{data: []dataPart{{"data", "x"}, {"data", part}}}
		_, err := o.open(t.Context(), &Env{}, "")
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
			o := bodyOptions{data: []dataPart{{"data", "@-"}}}
			if _, err := o.open(ctx, &Env{Stdin: stdin}, ""); !errors.Is(err, late) {
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
		err := b.spool(strings.NewReader(strings.Repeat("x", size)), "it", 10)
		if (err == nil) != ok {
			t.Errorf("%d bytes: error %v", size, err)
		}
		if ok {
			if got, err := io.ReadAll(b.reader()); err != nil || len(got) != size || b.size != int64(size) {
				t.Errorf("%d bytes: got %d, size %d, error %v", size, len(got), b.size, err)
			}
		}
		b.close()
	}
}
