package pretty

import (
	"bytes"
	"strings"
)

// A View shows bodies of one kind for what they are. The view with the best
// claim shows a body.
type View struct {
	Name string
	// Claim says how sure it is that b, which may be the beginning of a body
	// only, is its kind: 0 for no.
	Claim func(m Meta, b []byte) int
	// Render appends lines to dst in which nothing is raw.
	Render func(dst []byte, m Meta, b []byte) []byte
}

// Claims, from the weakest to the strongest.
const (
	claimAny     = 1 // anything can be shown so
	claimContent = 2 // the bytes look like it
	claimType    = 3 // the content type says so, and the bytes agree
)

// Meta is what the conversation says about a body.
type Meta struct {
	Type     string // media type in lower case, without parameters; "" where it is not known
	Charset  string // in lower case
	Encoding string // Content-Encoding in lower case
	Cut      bool   // the body goes on
}

// Views returns all views.
func Views() []View {
	return []View{
		{"binary", claimBinary, renderBinary},
		{"text", claimText, renderText},
		{"charset", claimCharset, renderCharset},
		{"form", claimForm, renderForm},
		{"json", claimJSON, renderJSON},
	}
}

// newMeta reads a content type, such as that of a CONTENT_TYPE parameter.
func newMeta(contentType, encoding []byte) Meta {
	typ, params, _ := strings.Cut(strings.ToLower(string(contentType)), ";")
	m := Meta{Type: strings.TrimSpace(typ), Encoding: strings.ToLower(strings.TrimSpace(string(encoding)))}
	for _, p := range strings.Split(params, ";") {
		if name, value, _ := strings.Cut(p, "="); strings.TrimSpace(name) == "charset" {
			m.Charset = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return m
}

// appendView shows the beginning of a body of total bytes, of which b is here:
// at most max bytes of it (0: all). What is left out is said.
func appendView(dst []byte, m Meta, b []byte, max int, total int64) []byte {
	b = clip(b, max)
	rest := total - int64(len(b))
	m.Cut = rest > 0
	best, view := 0, View{}
	for _, v := range Views() {
		if claim := v.Claim(m, b); claim > best {
			best, view = claim, v
		}
	}
	dst = view.Render(dst, m, b)
	if rest > 0 {
		dst = append(appendCount(append(dst, "... "...), rest, "byte"), " more\n"...)
	}
	return dst
}

func claimBinary(Meta, []byte) int { return claimAny }

func renderBinary(dst []byte, _ Meta, b []byte) []byte { return appendDump(dst, b, 0) }

// appendDump appends rows of 16 bytes in hexadecimal with their offset, from
// base on, and what of them is printable ASCII.
func appendDump(dst, b []byte, base int64) []byte {
	for len(b) > 0 {
		row := b[:min(16, len(b))]
		dst = appendHexInt(dst, base, 8)
		for i := range 16 {
			if i%8 == 0 {
				dst = append(dst, ' ')
			}
			if i < len(row) {
				dst = append(dst, ' ', hexDigits[row[i]>>4], hexDigits[row[i]&15])
			} else {
				dst = append(dst, "   "...)
			}
		}
		dst = append(appendASCII(append(dst, "  "...), row), '\n')
		base += int64(len(row))
		b = b[len(row):]
	}
	return dst
}

// appendTextLines appends a text line by line, with tabs kept and everything
// else escaped that is not printable.
func appendTextLines(dst, b []byte) []byte {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		for i, part := range bytes.Split(line, []byte("\t")) {
			if i > 0 {
				dst = append(dst, '\t')
			}
			dst = appendClean(dst, part)
		}
		dst = append(dst, '\n')
	}
	return dst
}
