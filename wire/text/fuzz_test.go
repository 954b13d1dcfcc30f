package text_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// FuzzRecordText: bytes → records → text → records → bytes is the identity, and
// nothing in the text could do harm on a terminal.
func FuzzRecordText(f *testing.F) {
	for _, c := range canonical {
		f.Add(wireBytes(c.rec), uint8(0))
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, tail uint8) {
		var out []byte
		rest := b
		for {
			rec, n := wire.Split(rest)
			if n == 0 {
				break
			}
			out = text.AppendSplit(out, wire.Direction(n&1), rec, int(tail))
			rest = rest[n:]
		}
		out = text.AppendRaw(out, wire.ToApp, rest)
		checkHarmless(t, out)
		lines, err := text.Parse(out)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		var back []byte
		for i := range lines {
			back = lines[i].AppendWire(back)
		}
		if !bytes.Equal(back, b) {
			t.Errorf("became\n%x, from\n%x, by\n%s", back, b, out)
		}
	})
}

func checkHarmless(t *testing.T, out []byte) {
	t.Helper()
	if !utf8.Valid(out) {
		t.Errorf("no valid UTF-8: %q", out)
	}
	for _, r := range string(out) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%U in %q", r, out)
		}
	}
}

// FuzzTextReader: whatever can be read is printed in a form that stays the same
// when it is read and printed again, and stands for the same bytes.
func FuzzTextReader(f *testing.F) {
	for _, c := range canonical {
		f.Add(c.text)
	}
	f.Add("@conn 2 unix:/a\n@at +1.2ms\n@cut 5\n! fin\n> ! rst\n< ! gap 7\n# é\n> raw 00 \"a\"\n  x\"01\"\n")
	f.Add("> PARAMS id=1 A=b wide:\"c\"=wide:x\"00\" pad=3 padding=00\n  \"\\u00e9\\101\" \tid=7 # c\n")
	f.Fuzz(func(t *testing.T, in string) {
		r := text.NewReader(strings.NewReader(in))
		var once, bytesOnce []byte
		for range 1 + strings.Count(in, "\n") {
			l, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				continue
			}
			once = l.Append(once)
			bytesOnce = l.AppendWire(bytesOnce)
		}
		checkHarmless(t, once)
		lines, err := text.Parse(once)
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		var twice, bytesTwice []byte
		for i := range lines {
			twice = lines[i].Append(twice)
			bytesTwice = lines[i].AppendWire(bytesTwice)
		}
		if !bytes.Equal(once, twice) {
			t.Errorf("printed first\n%s, then\n%s", once, twice)
		}
		if !bytes.Equal(bytesOnce, bytesTwice) {
			t.Errorf("stood first for\n%x, then for\n%x", bytesOnce, bytesTwice)
		}
	})
}

// FuzzQuote: Unquote is the inverse of Quote.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "é日\u202e\u200b\x1b\x9b\xc2\x9b\xff\"\\\r\n\t\x00", "\xe2\x80", "\ufffd", "\ufeff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q := text.Quote(nil, b)
		checkHarmless(t, q)
		if bytes.ContainsRune(q, '\n') {
			t.Errorf("a line feed in %q", q)
		}
		back, err := text.Unquote(nil, q)
		if err != nil || !bytes.Equal(back, b) {
			t.Errorf("%q became %q by %s: %v", b, back, q, err)
		}
	})
}

func TestUnquote(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{`"a\x00b"`, "a\x00b", ""},
		{`x"00 ff 4142"`, "\x00\xffAB", ""},
		{`x""`, "", ""},
		{`a`, "", "text: quoted string: the closing quote is missing"},
		{``, "", "text: quoted string: the closing quote is missing"},
		{`"`, "", "text: quoted string: the closing quote is missing"},
		{`"a\"`, "", "text: quoted string: the closing quote is missing"},
		{`"a"b`, "", `text: quoted string: "b" follows its end`},
		{`"\8"`, "", `text: quoted string: unknown escape "\\8"`},
		{`x"0"`, "", "text: quoted string: odd number of hexadecimal digits"},
	} {
		got, err := text.Unquote(nil, []byte(c.in))
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v, want %s", c.in, err, c.err)
			}
		} else if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", c.in, got, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	var in []byte
	for _, c := range canonical {
		in = append(in, wireBytes(c.rec)...)
	}
	content := bytes.Repeat([]byte("<p>Some text of a page, é and more.</p>\n"), 200)
	recs := []wire.Record{record(wire.TypeStdout, 1, string(content), "")}
	for rec, n := wire.Split(in); n > 0; rec, n = wire.Split(in) {
		recs = append(recs, rec)
		in = in[n:]
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = dst[:0]
		for _, rec := range recs {
			dst = text.Append(dst, wire.ToApp, rec)
		}
		b.SetBytes(int64(len(dst)))
	}
}

func BenchmarkReader(b *testing.B) {
	var in []byte
	for range 20 {
		for _, c := range canonical {
			in = append(in, c.text...)
		}
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := text.NewReader(bytes.NewReader(in))
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
