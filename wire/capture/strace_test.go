package capture

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

type straceOracle struct {
	Connections []struct {
		Pid        string
		Fd         int
		How        string
		FastCGI    bool
		ReadBytes  int    `json:"read_bytes"`
		ReadSHA    string `json:"read_sha256"`
		WriteBytes int    `json:"write_bytes"`
		WriteSHA   string `json:"write_sha256"`
		C2S, S2C   []straceRecord
	}
}

type straceRecord struct {
	TypeName      string `json:"type_name"`
	RequestID     int    `json:"request_id"`
	ContentLength int    `json:"content_length"`
	PaddingLength int    `json:"padding_length"`
}

// TestStraceOracles: traces of php-fpm, nginx and cgi-fcgi.
func TestStraceOracles(t *testing.T) {
	files, err := fs.Glob(fixtures.FS, "capture/text/*.strace.oracle.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d oracles (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".strace.oracle.json")
		t.Run(path.Base(name), func(t *testing.T) {
			t.Parallel()
			var o straceOracle
			loadJSON(t, file, &o)
			want, got := map[string][2][]straceRecord{}, map[string][2][]straceRecord{}
			wantBytes, gotBytes := map[string][2]string{}, map[string][2]string{}
			for _, c := range o.Connections {
				if c.FastCGI {
					key := fmt.Sprintf("%s %d", c.Pid, c.Fd)
					want[key] = [2][]straceRecord{c.C2S, c.S2C}
					in, out := c.ReadSHA, c.WriteSHA
					if c.How == "connect" {
						in, out = out, in
					}
					wantBytes[key] = [2]string{in, out}
				}
			}
			src, f, err := Open(bytes.NewReader(readFixture(t, name+".strace.txt")), Options{})
			if err != nil || f.Name != "strace" {
				t.Fatalf("opened as %q: %v", f.Name, err)
			}
			all := map[string]*[2][]byte{}
			g := decodeSource(t, src, DecodeOptions{})
			for _, e := range g.events {
				if e.Kind != flow.KindRecord {
					continue
				}
				key := fmt.Sprintf("%d %d", e.Conn.Pid, e.Conn.Fd)
				r := got[key]
				r[e.Dir] = append(r[e.Dir], straceRecord{e.Header.Type.String(), int(e.Header.RequestID), int(e.Header.ContentLength), int(e.Header.PaddingLength)})
				got[key] = r
				if all[key] == nil {
					all[key] = &[2][]byte{}
				}
				all[key][e.Dir] = wire.Record{Header: e.Header, Content: e.Data, Padding: e.Padding}.Append(all[key][e.Dir])
			}
			for key, b := range all {
				gotBytes[key] = [2]string{sum(b[wire.ToApp]), sum(b[wire.ToServer])}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
			if d := cmp.Diff(wantBytes, gotBytes); d != "" {
				t.Errorf("bytes (-want +got):\n%s", d)
			}
			if len(g.warnings) > 0 {
				t.Errorf("warnings: %q", g.warnings)
			}
		})
	}
}

// TestStrace: what strace prints in other ways, and of other calls.
func TestStrace(t *testing.T) {
	const begin = `\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0`
	const params = `\1\4\0\1\0\0\0\0`
	for _, test := range []struct {
		name, trace string
		want        string // client, server, records by direction
		warnings    int
	}{
		{"no process", `accept(0, {sa_family=AF_INET, sin_port=htons(41234), sin_addr=inet_addr("10.0.0.1")}, [112 => 16]) = 3
read(3, "` + begin + params + `", 8192) = 24
write(3, "\1\6\0\1\0\1\0\0x", 9) = 9
close(3) = 0
`, "tcp 10.0.0.1:41234>: BEGIN_REQUEST PARAMS | STDOUT; closed by the application", 0},
		{"times, threads, interrupted", `[pid    12] 1795198217.997421 accept4(0, {sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, [112 => 28], SOCK_CLOEXEC) = 3 <0.000012>
[pid    12] 1795198218.000000 read(3,  <unfinished ...>
[pid    13] 1795198218.100000 read(3, "another", 100) = 7
[pid    12] 1795198218.200000 <... read resumed>"` + begin + `", 16) = 16 <0.1>
`, "tcp [::1]:9>: BEGIN_REQUEST | ; end of input", 0},
		{"vectors", `7 connect(5, {sa_family=AF_UNIX, sun_path="/run/a.sock"}, 110) = 0
7 writev(5, [{iov_base="` + begin + `", iov_len=16}, {iov_base="` + params + `", iov_len=8}], 2) = 24
7 recvmsg(5, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="\1\6\0\1\0\1\0\0", iov_len=8}, {iov_base="x", iov_len=100}], msg_iovlen=2, msg_controllen=0, msg_flags=0}, 0) = 9
`, "unix >/run/a.sock: BEGIN_REQUEST PARAMS | STDOUT; end of input", 0},
		{"strings that were cut", `7 connect(5, {sa_family=AF_UNIX, sun_path=@"a"}, 110) = -1 EINPROGRESS (Operation now in progress)
7 write(5, "` + begin + `\1\4\0\1\0\24\0\0ab"..., 44) = 44
7 write(5, "` + params + `", 8) = 8
`, "unix >@a: BEGIN_REQUEST PARAMS | ; end of input", 1},
		{"copies and reuse", `7 accept(0, NULL, NULL) = 3
7 dup(3) = 4
7 close(3) = 0
7 read(4, "` + begin + `", 16) = 16
7 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 8
7 close(4) = 0
8 write(4, "\1\6\0\1\0\0\0\0", 8) = 8
8 +++ exited with 0 +++
7 accept(0, NULL, NULL) = 4
7 read(4, "GET / HTTP/1.1\r\n", 100) = 16
7 close(4) = 0
`, " >: BEGIN_REQUEST | STDOUT; closed by the application", 0},
		{"open before the trace, told apart by -yy", `9 read(4<TCP:[127.0.0.1:9000->127.0.0.1:40000]>, "` + begin + `", 16) = 16
9 read(5</etc/passwd>, "root", 16) = 4
10 write(6<TCP:[127.0.0.1:9000->127.0.0.1:40000]>, "\1\6\0\1\0\0\0\0", 8) = 8
`, "tcp 127.0.0.1:40000>127.0.0.1:9000: BEGIN_REQUEST | STDOUT; end of input", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			src, f, err := Open(strings.NewReader(test.trace), Options{})
			if err != nil || f.Name != "strace" {
				t.Fatalf("opened as %q: %v", f.Name, err)
			}
			g := decodeSource(t, src, DecodeOptions{})
			var conn string
			var records [2][]string
			for _, e := range g.events {
				switch e.Kind {
				case flow.KindRecord:
					records[e.Dir] = append(records[e.Dir], e.Header.Type.String())
				case flow.KindClosed:
					conn += fmt.Sprintf("%s %s>%s: %s | %s; %v", e.Conn.Network, e.Conn.Client, e.Conn.Server,
						strings.Join(records[0], " "), strings.Join(records[1], " "), e.Close)
				}
			}
			if conn != test.want || len(g.warnings) != test.warnings {
				t.Errorf("got  %q\nwant %q\nwarnings %q", conn, test.want, g.warnings)
			}
		})
	}
}

// TestStraceThreads: a process with five threads, which share their descriptors
// and interrupt each other in the middle of calls, and a trace without -yy.
func TestStraceThreads(t *testing.T) {
	g := decodeFile(t, "capture/text/go-threads.strace.txt", DecodeOptions{})
	var got []string
	for _, e := range g.events {
		if e.Kind == flow.KindRequestEnded {
			got = append(got, fmt.Sprintf("%d %d %v", e.Request.Status, e.Request.Stdin, e.Request.Complete))
		}
	}
	slices.Sort(got)
	want := []string{"200 0 true", "200 1200 true", "200 1500 true", "200 1800 true", "200 300 true", "200 600 true", "200 900 true"}
	if !slices.Equal(got, want) || len(g.warnings) > 0 {
		t.Errorf("requests %q, want %q; warnings %q", got, want, g.warnings)
	}
}
