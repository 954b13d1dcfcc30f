package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestFilesRoot: what is in the directory, and nothing else; who is refused is
// told to the web server and to ErrorLog, with the reason, and the rest is not.
func TestFilesRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(dir, "root")
	for _, name := range []string{".hidden", "sub/index.html", "sub/a&b"} {
		path := filepath.Join(inside, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": "../secret", "absolute": filepath.Join(dir, "secret"), "up": "..", "in": "sub/a&b", "nowhere": "nothing"} {
		if err := os.Symlink(to, filepath.Join(inside, name)); err != nil {
			t.Skip(err)
		}
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	const leadsOut = " leads out of the directory"
	for _, tt := range []struct {
		path, want, why string // why it is refused
	}{
		{"/.hidden", "Status: 200 ", ""},
		{"/sub/", "Status: 200 ", ""},
		{"/in", "Status: 200 ", ""},
		{"/sub", "Status: 301 ", ""},
		{"/", "Status: 200 ", ""},
		{"/missing", "Status: 404 ", ""},
		{"/missing/missing", "Status: 404 ", ""},
		{"/nowhere", "Status: 404 ", ""},
		{"/in/x", "Status: 403 ", `"in/x": not a directory`},
		{"/out", "Status: 403 ", `"out"` + leadsOut},
		{"/absolute", "Status: 403 ", `"absolute"` + leadsOut},
		{"/up/secret", "Status: 403 ", `"up/secret"` + leadsOut},
		{"/../secret", "Status: 403 ", `"/../secret"` + leadsOut},
		{"/%2e%2e/secret", "Status: 403 ", `"/../secret"` + leadsOut},
		{"/sub/..%2f../secret", "Status: 403 ", `"/sub/../../secret"` + leadsOut},
		{"/sub/a%00b", "Status: 403 ", `"sub/a\x00b": invalid argument`},
		{"/%ff", "Status: 404 ", ""}, // an fs.FS has no such names
		{"/" + strings.Repeat("x", 1000), "Status: 403 ", strings.Repeat("x", 200) + `": file name too long`},
	} {
		t.Run(tt.path, func(t *testing.T) {
			var log errorLog
			p := connect(t, &Server{Handler: Files(root.FS()), ErrorLog: log.add})
			p.request(1, wire.KeepConn, "", "REQUEST_METHOD=GET", "REQUEST_URI="+tt.path)
			a := p.answer(1)
			if !strings.HasPrefix(a.stdout, tt.want) || strings.Contains(a.stdout, "secret") {
				t.Errorf("%q, want %q", a.stdout, tt.want)
			}
			if refused := tt.why != ""; !strings.Contains(a.stderr, tt.why) || (a.stderr != "") != refused || !strings.Contains(log.String(), tt.why) || (log.String() != "") != refused {
				t.Errorf("STDERR %q, log %q, want %q", a.stderr, &log, tt.why)
			}
		})
	}
}
