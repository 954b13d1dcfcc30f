package capture

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// segmentsOf returns the TCP segments of a capture, with copies of the data.
func segmentsOf(t *testing.T, file string) (segs []segment) {
	t.Helper()
	f, err := fixtures.FS.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, _, err := Open(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := src.(*packetSource)
	for {
		var p packet
		switch err := s.in.next(&p); {
		case err == io.EOF:
			return segs
		case err != nil:
			t.Fatal(err)
		}
		var d datagram
		seg := segment{at: p.at, frame: p.frame}
		if s.ip.parse(network(p.link, p.data), &d) && parseTCP(&d, &seg) {
			seg.data = bytes.Clone(seg.data)
			segs = append(segs, seg)
		}
	}
}

// A segmentSource yields what the assembler makes of segments.
type segmentSource struct {
	segs []segment
	tcp  assembler
	out  []Chunk
	done bool
}

func (s *segmentSource) Next() (Chunk, error) {
	for len(s.out) == 0 {
		switch {
		case len(s.segs) > 0:
			seg := s.segs[0]
			s.segs = s.segs[1:]
			s.tcp.add(&seg, &s.out)
		case s.done:
			return Chunk{}, io.EOF
		default:
			s.done = true
			s.tcp.finishAll(&s.out)
		}
	}
	ch := s.out[0]
	s.out = s.out[1:]
	return ch, nil
}

func (s *segmentSource) Close() error { return nil }

// A stream is one direction of a connection of a whole capture.
type stream struct {
	key connKey
	dir uint8
}

// harm damages a capture as networks and captures do.
func harm(r *rand.Rand, segs []segment) []segment {
	var out []segment
	drop, dup, cut := r.Float64()*0.2, r.Float64()*0.3, r.Float64()*0.5
	if r.IntN(3) == 0 {
		drop = 0
	}
	for _, s := range segs {
		if r.Float64() < drop {
			continue
		}
		if n := len(s.data); n > 1 && r.Float64() < cut {
			// Two segments that overlap.
			at := 1 + r.IntN(n-1)
			back := r.IntN(at + 1)
			first, second := s, s
			first.data, first.flags = s.data[:at], s.flags&^(flagFIN|flagRST)
			second.data, second.seq = s.data[at-back:], s.seq+uint32(at-back)
			out = append(out, first)
			s = second
		}
		out = append(out, s)
		if r.Float64() < dup {
			out = append(out, s)
		}
	}
	if r.IntN(4) == 0 { // captured from the middle on
		return out[min(len(out)-1, r.IntN(6)):]
	}
	return jitter(r, out)
}

// jitter brings segments out of order, as far as captures do: what is captured
// later comes at most a few packets too early.
func jitter(r *rand.Rand, segs []segment) []segment {
	type delayed struct {
		at float64
		segment
	}
	late := 4 * r.Float64()
	list := make([]delayed, len(segs))
	for i, s := range segs {
		list[i] = delayed{float64(i) + late*r.Float64(), s}
	}
	slices.SortStableFunc(list, func(x, y delayed) int { return stdcmp.Compare(x.at, y.at) })
	out := make([]segment, len(segs))
	for i := range list {
		out[i] = list[i].segment
	}
	return out
}

// TestDamage: whatever is lost, doubled, cut or out of order, every record all
// of whose bytes are there appears, in order.
func TestDamage(t *testing.T) {
	const rounds = 30
	for name, file := range captures(t) {
		if strings.HasPrefix(name, "derived-") || strings.HasPrefix(name, "loss-") || strings.Contains(name, "snaplen") || name == "client-not-fastcgi" {
			continue // not the whole of a conversation
		}
		if name == "client-unknown-type" || name == "client-version" {
			continue // records that only their place proves to be some
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			segs := segmentsOf(t, file)
			size := 0
			for _, s := range segs {
				size += len(s.data)
			}
			for seed := range min(rounds, uint64(1+3e6/(size+1))) {
				r := rand.New(rand.NewPCG(seed, uint64(len(segs))))
				checkDamage(t, fmt.Sprintf("seed %d", seed), segs, harm(r, segs))
				if t.Failed() {
					return
				}
			}
		})
	}
}

// checkDamage decodes the segments that are left of whole ones.
func checkDamage(t *testing.T, what string, whole, left []segment) {
	t.Helper()
	starts := make(map[stream]uint32)
	var ports []uint16
	for _, s := range whole {
		if s.flags&flagSYN != 0 {
			starts[stream{s.key, s.dir}] = s.seq + 1
		}
		if s.flags&(flagSYN|flagACK) == flagSYN|flagACK {
			ports = append(ports, s.key.port(s.dir))
		}
	}
	has := make(map[stream][]byte)
	content := make(map[stream][]byte)
	for _, s := range whole {
		id := stream{s.key, s.dir}
		start, ok := starts[id]
		if off := int32(s.seq - start); ok && off >= 0 && off < 1<<24 && len(s.data) > 0 {
			content[id] = placeAt(content[id], int(off), s.data)
		}
	}
	for _, s := range left {
		id := stream{s.key, s.dir}
		if off := int(int32(s.seq - starts[id])); off >= 0 && off < 1<<24 && len(s.data) > 0 {
			has[id] = placeAt(has[id], off, bytes.Repeat([]byte{1}, len(s.data)))
		}
	}
	found := make(map[string][]string)
	_, err := Decode(context.Background(), &segmentSource{segs: left}, DecodeOptions{Whole: true, Ports: ports}, func(e *flow.Event) {
		if e.Kind == flow.KindRecord {
			from, to := e.Conn.Client, e.Conn.Server
			if e.Dir == wire.ToServer {
				from, to = to, from
			}
			k := from + ">" + to
			found[k] = append(found[k], fmt.Sprintf("%v %d %s", e.Header.Type, e.Header.RequestID, sum(e.Data)[:16]))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, b := range content {
		missing(t, what, id, b, has[id], found)
	}
}

// missing checks the records of one direction.
func missing(t *testing.T, what string, id stream, b []byte, has []byte, found map[string][]string) {
	t.Helper()
	has = grow(has, len(b))
	k := id.key.addr[id.dir].withPort(id.key.port(id.dir)) + ">" + id.key.addr[id.dir^1].withPort(id.key.port(id.dir^1))
	f := found[k]
	for off := 0; ; {
		rec, n := wire.Split(b[off:])
		if n == 0 {
			return
		}
		if !slices.Contains(has[off:off+n], 0) {
			w := fmt.Sprintf("%v %d %s", rec.Type, rec.RequestID, sum(rec.Content)[:16])
			i := slices.Index(f, w)
			if i < 0 {
				t.Errorf("%s: %s: the record %s at %d of %d is missing", what, k, w, off, len(b))
				return
			}
			f = f[i+1:]
		}
		off += n
	}
}

func placeAt(b []byte, off int, p []byte) []byte {
	b = grow(b, off+len(p))
	copy(b[off:], p)
	return b
}

func grow(b []byte, n int) []byte {
	return append(b, make([]byte, max(0, n-len(b)))...)
}
