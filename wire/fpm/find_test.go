package fpm

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// show is a place in a line.
func show(p Place) string {
	if p.Err != nil {
		return fmt.Sprintf("%s ?%v", p.From, p.Err)
	}
	return strings.TrimSpace(fmt.Sprintf("%v %s %s", p.Addr, p.From, p.Pool))
}

func TestFindPools(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing", nil, nil},
		{"Debian", map[string]string{
			"etc/php/8.2/fpm/php-fpm.conf":    "[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
			"etc/php/8.2/fpm/pool.d/www.conf": "; listen = /no\n[www]\nlisten = /run/php/php8.2-fpm.sock\nlisten.owner = www-data\n",
			"etc/php/7.4/fpm/pool.d/www.conf": "[www]\nlisten = /run/php/php7.4-fpm.sock\n",
			"etc/php/8.1/fpm/pool.d/www.conf": "[www]\nlisten = /run/php/php8.1-fpm.sock\n",
		}, []string{
			"unix:/run/php/php8.2-fpm.sock /etc/php/8.2/fpm/pool.d/www.conf:3 www",
			"unix:/run/php/php7.4-fpm.sock /etc/php/7.4/fpm/pool.d/www.conf:2 www",
			"unix:/run/php/php8.1-fpm.sock /etc/php/8.1/fpm/pool.d/www.conf:2 www",
		}},
		// A later file goes before an earlier one, and names are relative to the prefix.
		{"the official image", map[string]string{
			"usr/local/etc/php-fpm.conf":             "[global]\ninclude = etc/php-fpm.d/*.conf\n",
			"usr/local/etc/php-fpm.d/www.conf":       "[www]\nlisten = 127.0.0.1:9001\n",
			"usr/local/etc/php-fpm.d/zz-docker.conf": "[www]\nlisten = 9000\n",
		}, []string{"tcp:127.0.0.1:9000 /usr/local/etc/php-fpm.d/zz-docker.conf:2 www"}},
		{"values", map[string]string{
			"etc/php-fpm.d/a.conf": "[$x]\nlisten=\"/run/$pool.sock\" ; where\n[two]\n listen = 0.0.0.0:9002;\n[three]\nlisten = [::]:9003\n" +
				"[four]\nlisten = 'a b'\n[five]\nlisten = var/x.sock\n[six]\nlisten =\n[global]\nlisten = 9999\nlisten = \"x\n",
		}, []string{
			"unix:/run/$x.sock /etc/php-fpm.d/a.conf:2 $x",
			"tcp:127.0.0.1:9002 /etc/php-fpm.d/a.conf:4 two",
			"tcp:[::1]:9003 /etc/php-fpm.d/a.conf:6 three",
			`/etc/php-fpm.d/a.conf:8 ?fpm: listen = "a b": not an address`,
			`/etc/php-fpm.d/a.conf:10 ?fpm: listen = "var/x.sock": the path is not absolute`,
		}},
		// Files that include each other end.
		{"a ring", map[string]string{
			"etc/php-fpm.conf": "include=/etc/b.conf\n",
			"etc/b.conf":       "include=/etc/*.conf\n[b]\nlisten=9001\n",
		}, []string{"tcp:127.0.0.1:9001 /etc/b.conf:3 b"}},
		{"a ladder", map[string]string{
			"etc/php-fpm.conf": "include=/1\n", "1": "include=/2\n", "2": "include=/3\n", "3": "include=/4\n[3]\nlisten=3\n",
			"4": "include=/5\n[4]\nlisten=4\n", "5": "[5]\nlisten=5\n",
		}, []string{"tcp:127.0.0.1:4 /4:3 4", "tcp:127.0.0.1:3 /3:3 3"}},
		{"broken", map[string]string{
			"etc/php-fpm.d/a.conf": "[\nlisten\nlisten = 1\n[www\n=\x00\ninclude=[\ninclude=../../../x\n",
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for name, text := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			var got []string
			for _, p := range FindPools(root) {
				got = append(got, show(p))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFind: sockets that are there, pool files, the default; each once.
func TestFind(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"run/php", "var", "etc/php-fpm.d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "run/php/php8.2-fpm.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, to := range map[string]string{"var/run": "../run", "run/php/php-fpm.sock": "php8.2-fpm.sock"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"run/php/old.sock":     "no socket",
		"etc/php-fpm.d/a.conf": "[a]\nlisten=/var/run/php/php8.2-fpm.sock\n[b]\nlisten=9000\n[c]\nlisten=/run/php/gone.sock\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range Find(os.DirFS(dir)) {
		got = append(got, show(p))
	}
	want := []string{
		"unix:/run/php/php-fpm.sock a usual socket",
		"tcp:127.0.0.1:9000 /etc/php-fpm.d/a.conf:4 b",
		"unix:/run/php/gone.sock /etc/php-fpm.d/a.conf:6 c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
