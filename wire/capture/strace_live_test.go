package capture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// straceOptions lists with what people run strace. Its strings are long enough in
// each case.
var straceOptions = []string{
	"-f -xx", "-f -x", "-f", "-f -yy -ttt", "-f -xx -yy", "-f -y -tt -T", "-xx -r -v", "-f -xx -i -n", "-f -xx -Y -k",
	"-f -x -e read=all -e write=all", "-f -e trace=network,read,write,close --strings-in-hex=all",
}

const (
	liveWait    = 20 * time.Second
	livePoll    = 20 * time.Millisecond
	liveWorkers = 3
)

// A talk is what was sent over a connection, and what came back.
type talk struct{ ToApp, ToServer string }

// TestStraceLive: what strace prints of several workers of php-fpm that answer at
// once holds the bytes that the clients have sent and got, with whatever options,
// and also of a connection that was there before strace.
func TestStraceLive(t *testing.T) {
	needTool(t, "strace")
	peer := wiretest.RealPeer(t, "php-fpm", fmt.Sprint("children=", liveWorkers))
	pid, err := strconv.Atoi(peer["pid"])
	if err != nil {
		t.Fatal(err)
	}
	workers := wiretest.Children(t, pid)
	for _, options := range straceOptions {
		t.Run(options, func(t *testing.T) {
			kept := dialLive(t, peer["unix"])
			converse(t, kept, request(peer["root"], wire.KeepConn, "before=strace"))
			trace, stop := startStrace(t, options, workers)
			want := []talk{converse(t, kept, request(peer["root"], wire.KeepConn, "since=strace"))}
			answers := make(chan talk)
			for i := range liveWorkers {
				go func() {
					body := fmt.Sprintf("i=%d&binary=\x00\xff%s", i, strings.Repeat("\n\"x\\", 3000))
					answers <- converse(t, dialLive(t, peer["unix"]), request(peer["root"], 0, body))
				}()
			}
			for range liveWorkers {
				want = append(want, <-answers)
			}
			kept.Close()
			// What has been answered need not be in the file yet.
			for end := time.Now().Add(liveWait); time.Now().Before(end); time.Sleep(livePoll) {
				if got, _ := talksIn(t, trace); cmp.Equal(sorted(want), sorted(got)) {
					break
				}
			}
			stop()
			got, warnings := talksIn(t, trace)
			if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

func sorted(talks []talk) []talk {
	return slices.SortedFunc(slices.Values(talks), func(a, b talk) int { return strings.Compare(a.ToApp, b.ToApp) })
}

// startStrace attaches strace to processes and returns the file that it writes.
func startStrace(t *testing.T, options string, pids []int) (file string, stop func()) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "trace")
	args := append(strings.Fields(options), "-s", "65535", "-o", file)
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	ctx, cancel := context.WithTimeout(t.Context(), liveWait)
	cmd := exec.CommandContext(ctx, "strace", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = liveWait
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		cmd.Wait()
	}
	t.Cleanup(stop)
	attached, all := 0, ""
	for lines := bufio.NewScanner(said); attached < len(pids) && lines.Scan(); {
		all += lines.Text()
		attached += strings.Count(lines.Text(), " attached")
	}
	if attached < len(pids) {
		if strings.Contains(all, "Operation not permitted") && os.Getenv("FCGISCOPE_PEERS") != "required" {
			t.Skip(all)
		}
		t.Fatal(all)
	}
	go io.Copy(io.Discard, said)
	return file, stop
}

// request makes a request of PHP, which prints what it got.
func request(root string, flags wire.Flags, body string) []byte {
	b := wire.BeginRecord(1, wire.Responder, flags).Append(nil)
	var params []byte
	for _, p := range [][2]string{
		{"SCRIPT_FILENAME", filepath.Join(root, "echo.php")}, {"SCRIPT_NAME", "/echo.php"}, {"REQUEST_METHOD", "POST"},
		{"CONTENT_TYPE", "application/x-www-form-urlencoded"}, {"CONTENT_LENGTH", fmt.Sprint(len(body))},
	} {
		params = wire.Pair{Name: []byte(p[0]), Value: []byte(p[1])}.Append(params)
	}
	for _, r := range []wire.Record{
		wire.NewRecord(wire.TypeParams, 1, params), wire.NewRecord(wire.TypeParams, 1, nil),
		wire.NewRecord(wire.TypeStdin, 1, []byte(body)), wire.NewRecord(wire.TypeStdin, 1, nil),
	} {
		b = r.Append(b)
	}
	return b
}

// dialLive connects to what may not listen yet: the socket is there before that.
func dialLive(t *testing.T, path string) net.Conn {
	c, err := net.Dial("unix", path)
	for until := time.Now().Add(liveWait); err != nil && time.Now().Before(until); c, err = net.Dial("unix", path) {
		time.Sleep(livePoll)
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(liveWait))
	return c
}

// converse sends a request and reads its answer to the end.
func converse(t *testing.T, c net.Conn, request []byte) talk {
	if c == nil {
		return talk{}
	}
	if _, err := c.Write(request); err != nil {
		t.Error(err)
	}
	var answer bytes.Buffer
	for r := wire.NewReader(io.TeeReader(c, &answer)); ; {
		rec, err := r.ReadRecord()
		if err != nil {
			t.Error(err)
			break
		}
		if rec.Type == wire.TypeEndRequest {
			break
		}
	}
	if flags := wire.Flags(request[wire.HeaderLen+2]); flags&wire.KeepConn == 0 {
		c.Close()
	}
	return talk{string(request), answer.String()}
}

// talksIn returns the conversations in a file, those without an end as well.
func talksIn(t *testing.T, file string) (talks []talk, warnings []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	src, _, err := Open(bytes.NewReader(b), Options{})
	if err != nil {
		return nil, nil // there is not enough in it yet
	}
	byConn := map[int]*[2][]byte{}
	_, err = Decode(t.Context(), src, DecodeOptions{Whole: true, Warn: func(err error) { warnings = append(warnings, err.Error()) }}, func(e *flow.Event) {
		if e.Kind != flow.KindRecord {
			return
		}
		if byConn[e.Conn.N] == nil {
			byConn[e.Conn.N] = new([2][]byte)
		}
		dir := &byConn[e.Conn.N][e.Dir]
		*dir = append(append(e.Header.Append(*dir), e.Data...), e.Padding...)
	})
	if err != nil {
		t.Fatal(err)
	}
	// A worker reads the last record of a request after it has answered: that of
	// the request before strace is in the file, or it is not.
	late := wire.NewRecord(wire.TypeStdin, 1, nil).Append(nil)
	for _, c := range byConn {
		talks = append(talks, talk{string(bytes.TrimPrefix(c[wire.ToApp], late)), string(c[wire.ToServer])})
	}
	return talks, warnings
}
