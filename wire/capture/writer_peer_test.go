package capture

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// tshark reads a capture and returns the values of fields, a row a packet. What
// goes to the port is FastCGI.
func tshark(t *testing.T, file []byte, port string, args ...string) [][]string {
	t.Helper()
	needTool(t, "tshark")
	name := filepath.Join(t.TempDir(), "written.pcapng")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"-n", "-r", name, "-T", "fields", "-E", "separator=;", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
		"-d", "tcp.port==" + port + ",fcgi"}
	cmd := exec.Command("tshark", append(all, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var rows [][]string
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), ";"))
	}
	return rows
}

// intact drops the connections of which bytes are missing, and those that are
// no FastCGI: tshark does not look for the next record behind a gap.
func intact(t *testing.T, b []byte) (chunks []Chunk) {
	t.Helper()
	bad := make(map[string]bool)
	_, err := Decode(context.Background(), openBytes(t, b), DecodeOptions{Whole: true}, func(e *flow.Event) {
		switch e.Kind {
		case flow.KindGap, flow.KindDesync, flow.KindTruncated:
			bad[e.Conn.Client+e.Conn.Server] = true
		case flow.KindRecord:
			bad[e.Conn.Client+e.Conn.Server] = bad[e.Conn.Client+e.Conn.Server] || e.Header.Version != wire.Version1
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	all, _ := drain(t, openBytes(t, b))
	for _, ch := range all {
		if ch.Kind == ChunkGap {
			bad[ch.Conn.Client+ch.Conn.Server] = true
		}
	}
	for _, ch := range all {
		if known, ok := bad[ch.Conn.Client+ch.Conn.Server]; !known && (ok || len(ch.Data) == 0 || begins(ch.Data)) {
			chunks = append(chunks, ch)
		}
	}
	return chunks
}

// TestWriterTshark: tshark finds the records that we do in what is written of
// all captures, and nothing to complain of.
func TestWriterTshark(t *testing.T) {
	t.Parallel()
	needTool(t, "tshark")
	var chunks []Chunk
	names := make([]string, 0)
	all := captures(t)
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		// Without addresses, so that none of them is there twice.
		infos := make(map[*flow.ConnInfo]*flow.ConnInfo)
		for _, ch := range intact(t, readFixture(t, all[name])) {
			if infos[ch.Conn] == nil {
				infos[ch.Conn] = &flow.ConnInfo{Opened: ch.Conn.Opened}
			}
			ch.Conn = infos[ch.Conn]
			chunks = append(chunks, ch)
		}
	}
	compareTshark(t, rewrite(t, chunks), "9000", 1000)
	v6 := intact(t, readFixture(t, all["nginx-php-get-v6"]))
	_, port, _ := strings.Cut(v6[0].Conn.Server, "]:")
	compareTshark(t, rewrite(t, v6), port, 5)
}

func compareTshark(t *testing.T, file []byte, port string, atLeast int) {
	t.Helper()
	want := make(map[string][]string)
	split := make(map[string]bool) // with pairs that tshark cannot put together
	n := 0
	_, err := Decode(context.Background(), openBytes(t, file), DecodeOptions{Whole: true}, func(e *flow.Event) {
		if e.Kind == flow.KindRecord {
			k := e.Conn.Client + " " + e.Dir.String()
			want[k] = append(want[k], fmt.Sprintf("%d %d %d", byte(e.Header.Type), e.Header.RequestID, e.Header.ContentLength))
			n++
		}
		if e.Kind == flow.KindPair && e.Split || e.Kind == flow.KindFinding && strings.HasPrefix(string(e.Finding.Rule), "pair-") {
			split[e.Conn.Client] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < atLeast {
		t.Fatalf("%d records are compared, want %d", n, atLeast)
	}
	got := make(map[string][]string)
	fields := strings.Fields("frame.number ip.src ipv6.src tcp.srcport ip.dst ipv6.dst tcp.dstport fcgi.type fcgi.id fcgi.content.length _ws.malformed tcp.analysis.flags tcp.checksum.status ip.checksum.status")
	var args []string
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	for _, row := range tshark(t, file, port, args...) {
		if len(row) != len(fields) {
			t.Fatalf("row %q", row)
		}
		host, clientPort, dir := row[1]+row[2], row[3], wire.ToApp
		if clientPort == port {
			host, clientPort, dir = row[4]+row[5], row[6], wire.ToServer
		}
		client := net.JoinHostPort(host, clientPort)
		k := client + " " + dir.String()
		if row[10] != "" && !split[client] || row[11] != "" || row[12] != "1" || row[13] != "1" && row[13] != "" {
			t.Errorf("packet %s: malformed, analysis, checksums: %q", row[0], row[10:])
		}
		if row[7] == "" {
			continue
		}
		types, ids, lengths := strings.Split(row[7], ","), strings.Split(row[8], ","), strings.Split(row[9], ",")
		for i := range types {
			typ, _ := strconv.ParseUint(types[i], 0, 8)
			id, _ := strconv.ParseUint(ids[i], 0, 16)
			got[k] = append(got[k], fmt.Sprintf("%d %d %s", typ, id, lengths[i]))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-ours +tshark's):\n%.3000s", d)
	}
}
