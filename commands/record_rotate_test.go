package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A rotated is a recording in a test.
type rotated struct {
	*recorded
	stderr bytes.Buffer
	conn   *flow.ConnInfo
	now    time.Time
}

func newRotated(t *testing.T, o rotation) *rotated {
	t.Helper()
	r := &rotated{conn: &flow.ConnInfo{Fd: -1}, now: time.Unix(1e9, 0)}
	env := &Env{Stderr: &r.stderr, Now: func() time.Time { return r.now }}
	var err error
	r.recorded, err = o.open(env, &recording{file: filepath.Join(t.TempDir(), "r.pcapng")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// say records so many bytes, on the disk.
func (r *rotated) say(n int) {
	r.chunk(&capture.Chunk{Conn: r.conn, At: r.now, Data: make([]byte, n)})
	r.flush()
}

// files returns the names of those that there are.
func (r *rotated) files(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(r.recording.file), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return strings.Join(found, " ")
}

// TestRotationOverOld: what an earlier recording has kept is found at the start,
// and not when the recording has come to it.
func TestRotationOverOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"r-0007.pcapng", "r-0012.pcapng", "r-x.pcapng", "q-0001.pcapng"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := &Env{Stderr: new(bytes.Buffer), Now: time.Now}
	o := rotation{size: 1000}
	r := recording{file: filepath.Join(dir, "r.pcapng")}
	d, err := o.open(env, &r)
	if err == nil {
		d.file.Close()
		t.Fatal("it begins")
	}
	if !strings.Contains(err.Error(), "r-0007.pcapng: exists already") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "r-0001.pcapng")); err == nil {
		t.Error("it has made a file")
	}
	r.force = true
	if d, err = o.open(env, &r); err != nil {
		t.Fatal(err)
	}
	d.file.Close()
}

func TestRotationBySize(t *testing.T) {
	t.Parallel()
	r := newRotated(t, rotation{size: 1000, keep: 2})
	for range 4 {
		r.say(1200)
	}
	if got, want := r.files(t), "r-0004.pcapng r-0005.pcapng"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	if err := r.close(r.env, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.stderr.String(), "recorded 0 connections in ") {
		t.Errorf("stderr %q", r.stderr.String())
	}
}

func TestRotationByTime(t *testing.T) {
	t.Parallel()
	r := newRotated(t, rotation{time: duration(time.Hour)})
	r.say(1)
	r.say(1)
	r.now = r.now.Add(time.Hour)
	r.say(1)
	if got, want := r.files(t), "r-0001.pcapng r-0002.pcapng"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	if err := r.close(r.env, true); err != nil {
		t.Fatal(err)
	}
}

// TestADiskThatIsFull is told once; what there is stays readable.
func TestADiskThatIsFull(t *testing.T) {
	t.Parallel()
	r := newRotated(t, rotation{})
	told := 0
	r.full = func() { told++ }
	r.say(100)
	// A file that takes nothing more, as one on a full disk.
	readOnly, err := os.Open(r.recording.file)
	if err != nil {
		t.Fatal(err)
	}
	r.file.File.Close()
	r.file.File = readOnly
	for range 3 {
		r.say(100)
	}
	if got := r.stderr.String(); told != 1 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "nothing more is recorded, the traffic goes on") {
		t.Errorf("told %d times: %q", told, got)
	}
	if err := r.close(r.env, false); !is[silenced](err) {
		t.Errorf("close: %v", err)
	}
	b, err := os.ReadFile(r.recording.file)
	if err != nil {
		t.Fatal(err)
	}
	src, _, err := capture.Open(bytes.NewReader(b), capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if ch, err := src.Next(); err != nil || len(ch.Data) != 100 {
		t.Errorf("%d bytes, %v", len(ch.Data), err)
	}
}
