package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// chunksOf writes down what a source yields, a line a chunk.
func chunksOf(t *testing.T, src Source) string {
	t.Helper()
	var b strings.Builder
	numbers := map[*flow.ConnInfo]int{}
	for {
		ch, err := src.Next()
		if err != nil {
			fmt.Fprintln(&b, err)
			return b.String()
		}
		n, known := numbers[ch.Conn]
		if !known {
			n = len(numbers)
			numbers[ch.Conn] = n
		}
		fmt.Fprintf(&b, "%d %v %d %v %d %s\n", n, ch.Side, ch.Kind, ch.At, ch.Lost, sum(ch.Data))
	}
}

// chained reads files, each as what follows the one before, and returns what the
// captures that they make up yield.
func chained(t *testing.T, files [][]byte) (captures []string) {
	t.Helper()
	for len(files) > 0 {
		src := openBytes(t, files[0])
		files = files[1:]
		Chain(src, func() Source {
			if len(files) == 0 {
				return nil
			}
			next := openBytes(t, files[0])
			if !Follows(src, next) {
				return nil
			}
			files = files[1:]
			return next
		})
		captures = append(captures, chunksOf(t, src))
	}
	return captures
}

// packetsOf cuts a pcap file into its header and its packets.
func packetsOf(file []byte) (head []byte, packets [][]byte) {
	order := pcapOrder(file)
	head, rest := file[:pcapFileHeader:pcapFileHeader], file[pcapFileHeader:]
	for len(rest) >= pcapPacketHeader {
		n := min(len(rest), pcapPacketHeader+int(order.Uint32(rest[8:])))
		packets = append(packets, rest[:n])
		rest = rest[n:]
	}
	return head, packets
}

// TestChain: captures that are split at any packet, and those of which each
// packet is a file, give what they give whole.
func TestChain(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(fixtures.FS, "capture/*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if name == "capture/derived-cut-file.pcap" {
			continue // its last packet is damage, and not the sequel of anything
		}
		file, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		want := chunksOf(t, openBytes(t, file))
		head, packets := packetsOf(file)
		single := [][]byte{head} // a file without packets, too
		for _, p := range packets {
			single = append(single, slices.Concat(head, p))
		}
		splits := map[string][][]byte{"each packet": append(single, head)}
		for i := range packets {
			if len(file) < 8<<10 || i == len(packets)/2 {
				splits[fmt.Sprintf("before packet %d", i+1)] = [][]byte{
					slices.Concat(head, slices.Concat(packets[:i]...)), slices.Concat(head, slices.Concat(packets[i:]...))}
			}
		}
		for how, files := range splits {
			if n := len(packets); n == 0 && how != "each packet" {
				continue
			}
			all := chained(t, files)
			if diff := cmp.Diff(want, all[0]); diff != "" || len(all) > 1 {
				t.Fatalf("%s, %s: %d captures (-want +got):\n%s", name, how, len(all), diff)
			}
		}
	}
}

// TestChainOfWriter: what goes on in the next file of a recording goes on when it
// is read, with a change of the file behind every event.
func TestChainOfWriter(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"capture/nginx-php-concurrent.pcap", "capture/apache-php-keep.pcap"} {
		file, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var whole bytes.Buffer
		parts := []*bytes.Buffer{{}}
		one, many := NewWriter(&whole), NewWriter(parts[0])
		src := openBytes(t, file)
		for {
			ch, err := src.Next()
			if err != nil {
				break
			}
			one.Chunk(ch)
			many.Chunk(ch)
			parts = append(parts, new(bytes.Buffer))
			if err := many.Continue(parts[len(parts)-1]); err != nil {
				t.Fatal(err)
			}
		}
		one.Close()
		many.Close()
		var files [][]byte
		for _, p := range parts {
			files = append(files, p.Bytes())
		}
		all := chained(t, files)
		if diff := cmp.Diff(chunksOf(t, openBytes(t, whole.Bytes())), all[0]); diff != "" || len(all) > 1 {
			t.Errorf("%s: %d captures of %d files (-want +got):\n%s", name, len(all), len(files), diff)
		}
	}
}

// TestFollows: only what goes on in time goes on.
func TestFollows(t *testing.T) {
	t.Parallel()
	file, err := fs.ReadFile(fixtures.FS, "capture/nginx-php-get.pcap")
	if err != nil {
		t.Fatal(err)
	}
	head, packets := packetsOf(file)
	_, times := ipPackets(t, "capture/nginx-php-get.pcap")
	later := func(d time.Duration) []byte {
		moved := head
		for i, p := range packets {
			p = slices.Clone(p)
			at := times[i].Add(d)
			binary.LittleEndian.PutUint32(p, uint32(at.Unix()))
			binary.LittleEndian.PutUint32(p[4:], uint32(at.Nanosecond()/1000))
			moved = append(moved, p...)
		}
		return moved
	}
	var timeless bytes.Buffer
	w := NewWriter(&timeless)
	w.Chunk(Chunk{Conn: &flow.ConnInfo{Fd: -1}, Data: []byte("a")})
	w.Close()
	took := times[len(times)-1].Sub(times[0])
	for _, test := range []struct {
		name string
		next []byte
		want bool
	}{
		{"the same", file, false},
		{"a second later", later(time.Second), true},
		{"a day later", later(24 * time.Hour), true},
		{"a little before the end", later(took * 9 / 10), true},
		{"before", later(-time.Hour), false},
		{"no packets", head, true},
		{"no times", timeless.Bytes(), false},
		{"damaged", append(slices.Clone(head), bytes.Repeat([]byte{0xff}, 100)...), false},
		{"no packet capture", []byte("01 01 00 01 00 08 00 00 00 01 00 00 00 00 00 00"), false},
	} {
		src, next := openBytes(t, file), openBytes(t, test.next)
		chunksOf(t, src)
		if got := Follows(src, next); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		// That it was asked takes nothing from it.
		if diff := cmp.Diff(chunksOf(t, openBytes(t, test.next)), chunksOf(t, next)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	// The numbers of the second are those of the first; yet it is all there.
	both := chained(t, [][]byte{file, later(time.Minute)})
	if got := both[0]; strings.Count(got, "\n") != 2*strings.Count(chunksOf(t, openBytes(t, file)), "\n")-1 {
		t.Errorf("both hold:\n%s", got)
	}
}
