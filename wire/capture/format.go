package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
)

const (
	detectLen  = 64 << 10 // bytes that a Format.Match may look at
	bufferLen  = 512 << 10
	detectMin  = 16      // bytes to wait for before anything is decided
	detectSlow = 4 << 10 // bytes behind which formats are not asked again for each that comes
	maxNesting = 3       // of compression
)

// Scores of Format.Match; what is between them breaks ties.
const (
	scoreMagic = 100 // a magic number
	scoreSure  = 80  // a structure that cannot be there by accident
	scoreLikes = 50  // all that is there can be read so
	scoreWeak  = 20
)

// Options say how an input is to be read.
type Options struct {
	From  string // name of the format; "" to find out
	depth int    // of compression
}

// A Format is a way in which bytes come.
type Format struct {
	Name string // for --from
	Help string // a few words
	// Match says how sure it is that an input which begins with head is of this
	// format: 0 is no, 100 a magic number. It sees up to 64 KiB.
	Match func(head []byte) int
	// Open begins to read. The Source reads r as it is asked for chunks.
	Open func(r *bufio.Reader, o Options) (Source, error)
}

// Formats returns the formats that are understood.
func Formats() []Format {
	return []Format{
		{"pcap", "packet capture of tcpdump -w", matchPcap, openPcap},
		{"pcapng", "packet capture of Wireshark", matchPcapng, openPcapng},
		{"gzip", "any of the others, compressed", matchGzip, openGzip},
		{"raw", "the bytes as they were sent", matchRaw, openRaw},
		{"text", "the text form that dump prints", matchText, openText},
		{"jsonl", "the JSON Lines that dump -f jsonl prints", matchJSONL, openJSONL},
		{"strace", "system calls, as of strace -f -s 65535 -xx", matchStrace, openStrace},
		{"socat", "what socat -x prints", matchSocat, openSocat},
		{"nginx", "nginx's error log of level debug; bodies are not in it", matchNginx, openNginx},
		{"xxd", "xxd with any options", matchXxd, openXxd},
		{"hexdump", "hexdump and od: hex, octal, decimal or characters", matchHexdump, openHexdump},
		{"hex", "hex digits with or without separators, as of xxd -p", matchHex, openHex},
		{"literal", "arrays and strings of C, Go, Python, JSON, as of xxd -i", matchLiteral, openLiteral},
		{"base64", "base64 in either alphabet", matchBase64, openBase64},
		{"packets", "packets in hex, as of tcpdump -X, -XX and tshark -x", matchPackets, openPackets},
		{"follow", "a stream that Wireshark or tshark followed: raw, hex, YAML, C arrays", matchFollow, openFollow},
	}
}

// ErrEmpty says that the input holds nothing.
var ErrEmpty = errors.New("capture: the input is empty")

// An UnknownError says that no format claims the input.
type UnknownError struct {
	Looks string // what it looks like: "looks like an HTTP request"; "" if like nothing
}

// Error says what is wrong, and where.
func (e *UnknownError) Error() string {
	if e.Looks == "" {
		return "capture: no known format"
	}
	return "capture: no known format: " + e.Looks
}

// A TieError says that several formats claim the input alike.
type TieError struct{ Names []string }

// Error says what is wrong, and where.
func (e *TieError) Error() string {
	return fmt.Sprintf("capture: can be read as %s: say which with --from", strings.Join(e.Names, " or "))
}

// Open finds out the format of r and begins to read it. Errors: ErrEmpty, an
// *UnknownError, a *TieError, what the format says, and those of r.
func Open(r io.Reader, o Options) (Source, Format, error) {
	br := bufio.NewReaderSize(r, bufferLen)
	f, err := choose(br, o.From)
	if err != nil {
		return nil, Format{}, err
	}
	src, err := f.Open(br, o)
	return src, f, err
}

func choose(br *bufio.Reader, from string) (Format, error) {
	if from != "" {
		return named(from)
	}
	// Nothing may wait for 64 KiB on a pipe: more is read only as long as no
	// format claims what is there.
	var head []byte
	for want := detectMin; ; want = len(head) + 1 {
		if len(head) >= detectSlow {
			want += len(head) / 4
		}
		_, err := br.Peek(want)
		if err != nil && err != io.EOF {
			return Format{}, fmt.Errorf("capture: %w", err)
		}
		head, _ = br.Peek(min(br.Buffered(), detectLen))
		if len(head) == 0 {
			return Format{}, ErrEmpty
		}
		f, ferr := best(head)
		var unknown *UnknownError
		if !errors.As(ferr, &unknown) || err == io.EOF || len(head) == detectLen {
			return f, ferr
		}
	}
}

func named(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("capture: unknown format %q: there are %s", name, strings.Join(names, ", "))
}

// best returns the format with the highest score.
func best(head []byte) (Format, error) {
	var won []Format
	top := 1
	for _, f := range Formats() {
		switch score := f.Match(head); {
		case score > top:
			top, won = score, append(won[:0], f)
		case score == top:
			won = append(won, f)
		}
	}
	switch len(won) {
	case 0:
		return Format{}, &UnknownError{Looks: looks(head)}
	case 1:
		return won[0], nil
	}
	e := &TieError{}
	for _, f := range won {
		e.Names = append(e.Names, f.Name)
	}
	return Format{}, e
}

// files lists what files of other kinds begin with.
var files = []struct{ prefix, what string }{
	{"\x7fELF", "an ELF program"},
	{"PK\x03\x04", "a zip archive"},
	{"\x28\xb5\x2f\xfd", "zstd, which has to be unpacked first"},
	{"\xfd7zXZ\x00", "xz, which has to be unpacked first"},
	{"BZh", "bzip2, which has to be unpacked first"},
	{"GMBU", "a packet capture of Network Monitor: convert it with editcap -F pcap"},
	{"XCP\x00", "a packet capture of NetXRay: convert it with editcap -F pcap"},
	{"snoop\x00", "a packet capture of snoop: convert it with editcap -F pcap"},
	{"\x89PNG", "a picture"},
	{"\xff\xd8\xff", "a picture"},
	{"%PDF", "a PDF"},
	{"{", "JSON"},
	{"<?php", "a PHP program"},
	{"#!", "a script"},
}

// looks says what head looks like, "" if like nothing.
func looks(head []byte) string {
	if hint := wire.Hint(head); hint != "" {
		return hint
	}
	for _, f := range files {
		if bytes.HasPrefix(head, []byte(f.prefix)) {
			return "looks like " + f.what
		}
	}
	if !isText(head) {
		return ""
	}
	if hex := looksHex(head); hex != "" {
		return hex
	}
	return "looks like plain text"
}

// isText reports whether head holds nothing that text does not. Its last
// character may be cut.
func isText(head []byte) bool {
	cut := 0
	for !utf8.Valid(head[:len(head)-cut]) {
		if cut++; cut == utf8.UTFMax || cut >= len(head) {
			return false
		}
	}
	return !slices.ContainsFunc(head, func(c byte) bool {
		return c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\x1b' || c == 0x7f
	})
}
