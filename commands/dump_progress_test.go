package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowly is a reader that takes its time: a tenth of a second for each kB.
type slowly struct{ r io.Reader }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	return s.r.Read(p[:min(len(p), 1000)])
}

// TestProgress: there is a bar with what was read, a rate and the time left, if
// it takes more than a second, and it goes away.
func TestProgress(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]bool{9000: false, 50000: true} {
		synctest.Test(t, func(t *testing.T) {
			env, _, _ := testEnv("")
			var stderr bytes.Buffer
			env.Stderr, env.Now = &stderr, time.Now
			p := newProgress(env, slowly{bytes.NewReader(make([]byte, size))}, int64(size))
			if n, err := io.Copy(io.Discard, struct{ io.Reader }{p}); n != int64(size) || err != nil {
				t.Fatal(n, err)
			}
			p.end()
			said := stderr.String()
			if (said != "") != want {
				t.Errorf("%d bytes: %q", size, said)
			}
			if !want {
				return
			}
			for _, part := range []string{"50%", "kB/s", "[2s:2s]"} {
				if !strings.Contains(said, part) {
					t.Errorf("no %q in %q", part, said)
				}
			}
			last := said[strings.LastIndex(strings.TrimRight(said, "\r"), "\r")+1:]
			if strings.TrimSpace(last) != "" {
				t.Errorf("the line is not cleared: %q", last)
			}
		})
	}
}

// TestProgressWhere: the bar is for a file, on a stderr that is a terminal and
// shows nothing else.
func TestProgressWhere(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("..", "fixtures", "capture", "apache-php.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	tests := []struct {
		f              *os.File
		stdout, stderr bool
		want           bool
	}{{f, false, true, true}, {f, true, true, false}, {f, false, false, false}, {r, false, true, false}}
	for _, tt := range tests {
		env, _, _ := testEnv("")
		env.Terminal.Stdout, env.Terminal.Stderr = tt.stdout, tt.stderr
		d := dumper{env: env}
		d.bar = d.watch(tt.f)
		if got := d.bar != nil; got != tt.want {
			t.Errorf("stdout %v, stderr %v, %v: a bar %v", tt.stdout, tt.stderr, tt.f.Name(), got)
		}
		d.unwatch()
		if d.bar != nil {
			t.Error("the bar stays")
		}
	}
}
