package pretty

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

func TestViews(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, typ, body string
		more            int64
		want            string
	}{
		{"empty", "", "", 0, ""},
		{"text", "text/html", "<p>\r\n\tgr\u00fc\u00dfe \x1b[2J\n", 0, "<p>\n\tgr\u00fc\u00dfe \\x1b[2J\n"},
		{"text, cut in a character", "", "gr\xc3", 7, "gr\\xc3\n... 7 bytes more\n"},
		{"binary", "image/png", "\x89PNG\x00\x00\x00\x0d", 1, "00000000  89 50 4e 47 00 00 00 0d                           .PNG....\n... 1 byte more\n"},
		{"form", "application/x-www-form-urlencoded; charset=utf-8", "a=b+c&d=%41%1B&&e&%zz=%", 0, "a = b c\nd = A\\x1b\n\ne\n%zz = %\n"},
		{"no form", "application/x-www-form-urlencoded", "a=\n", 0, "a=\n"},
		{"json", "application/json", `{"a":[1,"\u202e"],"b":{}}`, 0, "{\n  \"a\": [\n    1,\n    \"\\u202e\"\n  ],\n  \"b\": {}\n}\n"},
		{"json, cut", "application/json", `{"a":[1,`, 9, "{\"a\":[1,\n... 9 bytes more\n"},
		{"latin", "text/plain; charset=ISO-8859-1", "gr\xfc\xdfe \x80\x9b", 0, "gr\u00fc\u00dfe \u20ac\u203a\n"},
		{"utf-16", "text/plain", "\xff\xfeA\x00\x1b\x00", 0, "A\\x1b\n"},
		{"utf-16, by name", "text/plain;charset=\"utf-16be\"", "\x00A\x00B", 0, "AB\n"},
	} {
		got := appendView(nil, newMeta([]byte(c.typ), nil), []byte(c.body), 0, int64(len(c.body))+c.more)
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	for _, v := range Views() {
		for _, s := range nasty() {
			for _, m := range []Meta{{}, {Charset: "latin1"}, {Charset: "utf-16"}, {Type: "application/x-www-form-urlencoded"}} {
				checkHarmless(t, Options{}, v.Name+": "+s, string(v.Render(nil, m, []byte(s))))
			}
		}
	}
}

func TestInflate(t *testing.T) {
	t.Parallel()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(strings.Repeat("inflated ", 50))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cut, max int
		want     string
	}{
		{0, 1000, "STDOUT (N of gzip, inflated)\n    inflated inflated"},
		{0, 36, "STDOUT (N of gzip, inflated, its beginning)\n    inflated"},
		{12, 1000, "STDOUT (N of gzip, inflated, its beginning)\n    inflated inflated"},
		{z.Len() - 2, 1000, "STDOUT (N)\n    00000000  1f 8b"},
	} {
		var b strings.Builder
		s := format(t, "requests").New(&b, Options{Inflate: true, MaxBody: c.max})
		conn := flow.Conn{}
		for _, r := range []wire.Record{
			wire.NewRecord(wire.TypeStdout, 1, []byte("Content-Encoding: gzip\n\n")),
			wire.NewRecord(wire.TypeStdout, 1, z.Bytes()[:z.Len()-c.cut]), wire.EndRecord(1, 0, 0),
		} {
			emit := func(e *flow.Event) {
				if err := s.Event(e); err != nil {
					t.Fatal(err)
				}
			}
			if r.Content[0] == 'C' {
				conn.Feed(wire.ToApp, at0, wire.BeginRecord(1, wire.Responder, 0).Append(nil), emit)
			}
			conn.Feed(wire.ToServer, at0, r.Append(nil), emit)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(c.want, "N", string(appendCount(nil, int64(z.Len()-c.cut), "byte")), 1)
		if !strings.Contains(b.String(), want) {
			t.Errorf("cut %d, max %d: no %q in\n%s", c.cut, c.max, want, b.String())
		}
	}
}
