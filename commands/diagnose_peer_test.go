//go:build unix

package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// provoked makes each fault happen and returns what diagnose finds: with real
// peers, or where no real peer is faulty in that way with the faults of package
// server.
var provoked = map[string]func(*testing.T) []judgement{
	"D01": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		found := diagnosed(t, 5, fpm["unix"]+"x", "/a.php")
		if len(found) == 0 || !strings.Contains(found[0].Check, "beside it are "+fpm["unix"]) {
			t.Errorf("the other socket is not named: %+v", found)
		}
		return found
	},
	"D02": notPermitted,
	"D03": func(t *testing.T) []judgement {
		ln := listenUnix(t)
		ln.SetUnlinkOnClose(false)
		addr := ln.Addr().String()
		ln.Close()
		return diagnosed(t, 5, addr, "/a.php")
	},
	"D04": backlogFull,
	"D05": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm", "children=1")
		occupy(t, fpm["unix"], fpm["root"]+"/slow.php", 1)
		return diagnosed(t, 6, fpm["unix"], "/hello.php", "--root", fpm["root"], "--timeout", "0.5")
	},
	"D06": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm", "children=1")
		r := startRelay(t, fpm["unix"])
		pinned := dialTest(t, r.addr)
		mustWrite(t, pinned, phpRequest(fpm["root"]+"/hello.php", wire.KeepConn))
		readToEnd(t, pinned)
		late := dialTest(t, r.addr)
		mustWrite(t, late, phpRequest(fpm["root"]+"/hello.php", 0))
		time.AfterFunc(1200*time.Millisecond, func() { late.Close() }) // as a web server that loses its patience
		return judged(r.next(t))
	},
	"D07": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		nginx := wiretest.RealPeer(t, "nginx", "--to", fpm["tcp"])
		return diagnosed(t, 3, strings.TrimPrefix(nginx["http"], "http://"), "/a.php")
	},
	"D08": func(t *testing.T) []judgement {
		return judged(converse(t, wiretest.RealPeer(t, "php-fpm")["tcp"], time.Second, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")))
	},
	"D09": faulty("length-too-short", 3),
	"D10": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm", "set.listen.allowed_clients=127.0.0.9")
		return diagnosed(t, 3, fpm["tcp"], "/hello.php", "--root", fpm["root"])
	},
	"D11": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		return diagnosed(t, 0, fpm["unix"], "/hello.php", "--root", fpm["root"], "--probe-hard")
	},
	"D12": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm", "children=2")
		r := startRelay(t, fpm["unix"])
		c := dialTest(t, r.addr)
		mustWrite(t, c, phpRequest(phpScript(t, fpm, "pid.php", `<?php echo getmypid();`), wire.KeepConn))
		pid, err := strconv.Atoi(strings.TrimSpace(string(stdoutOf(readToEnd(t, c)))))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // so that the request is written before it dies
			t.Fatal(err)
		}
		mustWrite(t, c, phpRequest(fpm["root"]+"/hello.php", wire.KeepConn))
		r.next(t) // the first request is over when the second has begun
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return judged(r.next(t))
	},
	"D13": php(4, "/nothing.php"),
	"D15": php(4, "/index.html"),
	"D16": func(t *testing.T) []judgement {
		args := []string{}
		if os.Geteuid() == 0 {
			args = append(args, "set.user=nobody", "set.group=nogroup")
		}
		fpm := wiretest.RealPeer(t, "php-fpm", args...)
		for _, dir := range []string{filepath.Dir(fpm["root"]), fpm["root"]} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		file := phpScript(t, fpm, "secret.php", "<?php echo 1;")
		if err := os.Chmod(file, 0); err != nil {
			t.Fatal(err)
		}
		return diagnosed(t, 4, fpm["tcp"], "--script", file)
	},
	"D17": php(4, "/hello.php", "--unset", "REQUEST_METHOD"),
	"D18": php(4, "/fatal.php"),
	"D19": paramsPad,
	"D20": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		r := startRelay(t, fpm["unix"])
		runCgiFcgi(t, r.addr, fpm["root"]+"/hello.php", "LONG="+strings.Repeat("x", 9000))
		return judged(r.next(t))
	},
	"D21": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		var b []byte
		b = begin(b, wire.Responder, 0)
		b = wire.NewRecord(wire.TypeParams, 1, wire.NewPair("SCRIPT_FILENAME", fpm["root"]+"/hello.php").Append(nil)).Append(b)
		b = wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(wire.MpxsConns, "").Append(nil)).Append(b)
		b = wire.NewRecord(wire.TypeParams, 1, wire.NewPair("REQUEST_METHOD", "GET").Append(nil)).Append(b)
		b = wire.NewRecord(wire.TypeParams, 1, nil).Append(b)
		b = wire.NewRecord(wire.TypeStdin, 1, nil).Append(b)
		return judged(converse(t, fpm["unix"], 2*time.Second, b))
	},
	"D22": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		r := startRelay(t, fpm["unix"])
		apache := wiretest.RealPeer(t, "apache", "--to", r.addr)
		// A body of unknown length is sent in chunks. Apache passes it on as it comes when it is long and has not ended.
		body, w := io.Pipe()
		go func() {
			_, err := w.Write(bytes.Repeat([]byte("a=b&"), 100_000))
			select {
			case <-r.used:
			case <-t.Context().Done():
			}
			w.CloseWithError(err)
		}()
		askWeb(t, "POST", apache["http"]+"/echo.php", body)
		return judged(r.next(t))
	},
	"D23": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		b := phpRequest(fpm["root"]+"/hello.php", 0, "REQUEST_METHOD=POST", "CONTENT_LENGTH=10")
		b = b[:len(b)-wire.HeaderLen]
		b = wire.NewRecord(wire.TypeStdin, 1, []byte("a=b")).Append(b)
		b = wire.NewRecord(wire.TypeStdin, 1, nil).Append(b)
		return judged(converse(t, fpm["unix"], time.Second, b))
	},
	"D24": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		b := phpRequest(fpm["root"]+"/hello.php", wire.KeepConn, "REQUEST_METHOD=POST", "CONTENT_LENGTH=1")
		b = b[:len(b)-wire.HeaderLen]
		b = wire.NewRecord(wire.TypeStdin, 1, bytes.Repeat([]byte("x"), 40)).Append(b)
		b = wire.NewRecord(wire.TypeStdin, 1, nil).Append(b)
		return judged(converse(t, fpm["tcp"], 2*time.Second, b))
	},
	"D25": php(4, "/fpm-status"),
	"D26": php(4, "/fpm-status", "-P", "SCRIPT_FILENAME=ROOT/index.html"),
	"D27": fcgiwrapped(0, `printf 'Location: /login\r\n\r\n'`),
	"D28": php(0, "/hello.php", "-P", "PHP_VALUE=no_such_setting = 1"),
	"D29": php(0, "/hello.php", "-P", "PHP_VALUE=memory_limit = 64M"),
	"D30": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		// Without the end of STDIN, which php-fpm leaves unread, so that it would be a reset.
		b := phpRequest(phpScript(t, fpm, "die.php", killed), 0)
		return judged(converse(t, fpm["unix"], 2*time.Second, b[:len(b)-wire.HeaderLen]))
	},
	"D31": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		b := phpRequest(fpm["root"]+"/hello.php", 0)
		b[wire.HeaderLen+1] = 9 // the role
		found := judged(converse(t, fpm["tcp"], 2*time.Second, b))
		// A worker that dies looks the same, and few parameters do not help then.
		died := diagnosed(t, 3, fpm["unix"], "--script", phpScript(t, fpm, "die.php", killed))
		return slices.DeleteFunc(found, func(j judgement) bool { return len(died) == 0 || died[0].ID != j.ID })
	},
	"D32": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		return diagnosed(t, 3, fpm["unix"], "--script", phpScript(t, fpm, "half.php", `<?php echo 'half of'; flush(); `+killed[len("<?php"):]))
	},
	"D33": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		return diagnosed(t, 6, fpm["unix"], "--script", phpScript(t, fpm, "sleep.php", `<?php sleep(20);`), "--timeout", "0.5")
	},
	"D34": faulty("stays-open", 6, "--probe-hard"),
	"D35": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		return diagnosed(t, 0, fpm["unix"], "--script", phpScript(t, fpm, "big.php", `<?php header('X-Big: ' . str_repeat('x', 5000)); echo 1;`))
	},
	"D36": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		return diagnosed(t, 0, fpm["unix"], "--script", phpScript(t, fpm, "bigger.php", `<?php header('X-Big: ' . str_repeat('x', 9000)); echo 1;`))
	},
	"D37": fcgiwrapped(3, `echo 'Hello, world'`),
	"D38": func(t *testing.T) []judgement { return diagnosedFault(t, "stdout-end-first", 3) },
	"D39": func(t *testing.T) []judgement {
		peer := wiretest.RealPeer(t, "go-fcgi")
		b := phpRequest("/a", 0)
		b[wire.HeaderLen+1] = byte(wire.Filter)
		return judged(converse(t, peer["unix"], 2*time.Second, b))
	},
	"D40": faulty("wrong-id", 3),
	"D42": fcgiwrapped(3, `printf 'Content-Length: 3\r\n\r\nmore than that\n'`),
	"D43": func(t *testing.T) []judgement {
		peer := wiretest.RealPeer(t, "go-fcgi")
		b := phpRequest("/a", 0, "REQUEST_METHOD=POST")
		return judged(converse(t, peer["unix"], 1500*time.Millisecond, b[:len(b)-wire.HeaderLen]))
	},
	"D44": func(t *testing.T) []judgement {
		fpm := wiretest.RealPeer(t, "php-fpm")
		file := phpScript(t, fpm, "finish.php", `<?php echo 'done'; fastcgi_finish_request(); usleep(1500000);`)
		return judged(converse(t, fpm["unix"], time.Second, phpRequest(file, wire.KeepConn), phpRequest(fpm["root"]+"/hello.php", wire.KeepConn)))
	},
	"D45": func(t *testing.T) []judgement {
		page := "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", 8192-2*wire.HeaderLen+4-28)
		addr, stop, err := startPeer(says(out(stdout(page), end(0, wire.RequestComplete))))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		r := startRelay(t, addr)
		if code := runCgiFcgi(t, r.addr, "/a"); code != 253 {
			t.Errorf("cgi-fcgi ends with %d", code)
		}
		return judged(r.next(t))
	},
}

// killed is a script that ends its worker.
const killed = `<?php exec('kill -9 ' . getmypid());`

// TestProvoked: every fault of the table but those from the field happens here,
// and diagnose names it; nothing is found that is more certain.
func TestProvoked(t *testing.T) {
	t.Parallel()
	for _, r := range diagnose.Rules() {
		provoke := provoked[r.ID]
		if (provoke == nil) != (r.Field != "") {
			t.Errorf("%s is provoked: %t, and its row says %q", r.ID, provoke != nil, r.Field)
		}
		if provoke == nil {
			continue
		}
		t.Run(r.ID+" "+r.Key, func(t *testing.T) {
			t.Parallel()
			found := provoke(t)
			at := slices.IndexFunc(found, func(j judgement) bool { return j.ID == r.ID })
			if at < 0 || at > 0 && found[0].Confidence == "certain" && found[at].Confidence != "certain" && r.Class != diagnose.Caution {
				t.Errorf("found %s", sayAll(found))
			}
		})
	}
}
