package commands

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// bodyOptions are what the body of a request is made of. The letters mean what
// they mean to curl.
type bodyOptions struct {
	data   []dataPart // -d and its relatives, in the order given
	forms  []dataPart // -F and its relative, in the order given
	upload string
	get    bool
}

// A dataPart is one of the flags that make a body.
type dataPart struct {
	flag  string // its name
	value string
}

// A dataFlag is the value of a flag that adds to a list of parts.
type dataFlag struct {
	name  string
	parts *[]dataPart
}

// Set implements flag.Value.
func (f *dataFlag) Set(s string) error {
	if s != theSame {
		*f.parts = append(*f.parts, dataPart{f.name, s})
	}
	return nil
}

// Serialize is as list's.
func (f *dataFlag) Serialize() string { return theSame }

// String returns "": such flags have no default.
func (f *dataFlag) String() string { return "" }

func (o *bodyOptions) flags() []cli.Flag {
	const category = bodyFlags
	part := func(parts *[]dataPart, name string, aliases []string, usage string) cli.Flag {
		return &cli.GenericFlag{Name: name, Aliases: aliases, Category: category, Usage: usage, Value: &dataFlag{name, parts}}
	}
	return []cli.Flag{
		part(&o.data, "data", []string{"d", "data-ascii"}, "request body `DATA`, or @FILE without its CRs, LFs and NULs, or @- for stdin; several are joined by &"),
		part(&o.data, "data-binary", nil, "the same, and @FILE is sent as it is: `DATA`"),
		part(&o.data, "data-raw", nil, "the same, and @ means nothing: `DATA`"),
		part(&o.data, "data-urlencode", nil, "the same, percent-encoded: `DATA` is CONTENT, =CONTENT, NAME=CONTENT, @FILE or NAME@FILE"),
		part(&o.data, "json", nil, "request body `JSON`, or @FILE; Content-Type and Accept say so"),
		part(&o.forms, "form", []string{"F"}, "multipart body with the field `NAME=VALUE`, NAME=@FILE (an upload) or NAME=<FILE, with ;type= and ;filename= behind it"),
		part(&o.forms, "form-string", nil, "the same, and @, < and ; mean nothing: `NAME=VALUE`"),
		&cli.StringFlag{Name: "upload-file", Aliases: []string{"T"}, Category: category, Usage: "send `FILE` as it is, - for stdin, with PUT", Destination: &o.upload},
		&cli.BoolFlag{Name: "get", Aliases: []string{"G"}, Category: category, Usage: "put what -d says behind the ? of URL, and use GET", Destination: &o.get},
	}
}

// method is the method that goes with the body, "" for none.
func (o *bodyOptions) method() string {
	switch {
	case o.upload != "":
		return "PUT"
	case len(o.data) > 0 && !o.get, len(o.forms) > 0:
		return "POST"
	}
	return ""
}

// json reports whether --json is there.
func (o *bodyOptions) json() bool {
	for _, part := range o.data {
		if part.flag == "json" {
			return true
		}
	}
	return false
}

// fields are what the header says of the body, unless the user says it.
func (o *bodyOptions) fields(boundary string) []cgi.Field {
	switch {
	case o.get:
	case len(o.forms) > 0:
		return []cgi.Field{{Name: "Content-Type", Value: "multipart/form-data; boundary=" + boundary}}
	case o.json():
		return []cgi.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Accept", Value: "application/json"}}
	case len(o.data) > 0:
		return []cgi.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}
	}
	return nil
}

// open makes the body, so that its size is known. With --get it is what goes
// behind the ?.
func (o *bodyOptions) open(ctx context.Context, env *Env, boundary string) (*body, error) {
	b := &body{}
	err := o.fill(ctx, env, b, boundary)
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (o *bodyOptions) fill(ctx context.Context, env *Env, b *body, boundary string) error {
	for i, part := range o.data {
		if i > 0 && part.flag != "json" {
			b.text([]byte("&"))
		}
		if err := part.addTo(ctx, env, b); err != nil {
			return err
		}
	}
	if len(o.forms) > 0 {
		return addForms(ctx, env, b, o.forms, boundary)
	}
	if o.upload != "" {
		return b.file(ctx, env, o.upload, nil)
	}
	return nil
}

// addTo adds what a flag of the family of -d says.
func (part dataPart) addTo(ctx context.Context, env *Env, b *body) error {
	text, recode := part.value, recoding(nil)
	switch part.flag {
	case "data-raw":
		b.text([]byte(text))
		return nil
	case "data":
		recode = strip
	case "data-urlencode":
		recode = percentEncode
		name, content, file := cutEncoded(text)
		if name != "" {
			b.text([]byte(name + "="))
		}
		if !file {
			b.text(percentEncode(nil, []byte(content)))
			return nil
		}
		text = "@" + content
	}
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case !isFile:
		b.text([]byte(text))
		return nil
	case name == "":
		return usagef("request: --%s @ needs the name of a file, or - for standard input", part.flag)
	}
	return b.file(ctx, env, name, recode)
}

// strip takes out what curl takes out of the file of -d.
func strip(dst, src []byte) []byte {
	start := 0
	for i, c := range src {
		if c == '\r' || c == '\n' || c == 0 {
			dst = append(dst, src[start:i]...)
			start = i + 1
		}
	}
	return append(dst, src[start:]...)
}

// cutEncoded reads a value of --data-urlencode: the first = wins over an @.
func cutEncoded(s string) (name, content string, file bool) {
	if name, content, ok := strings.Cut(s, "="); ok {
		return name, content, false
	}
	if name, content, ok := strings.Cut(s, "@"); ok {
		return name, content, true
	}
	return "", s, false
}

// percentEncode writes all but letters, digits and -._~ as %XX, and a space as
// a plus sign, as curl does.
func percentEncode(dst, src []byte) []byte {
	for _, c := range src {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = fmt.Appendf(dst, "%%%02X", c)
		}
	}
	return dst
}

// maxQuery is the most bytes that --get puts into a URL. No application takes so
// many.
const maxQuery = 1 << 20

// url is where the request goes, of which the user gave u: with the query of
// --get, and the name of the file of --upload-file, as curl does.
func (o *bodyOptions) url(u string, b *body) (string, error) {
	if o.upload != "" && o.upload != "-" && (u == "" || strings.HasSuffix(u, "/")) {
		return u + url.PathEscape(filepath.Base(o.upload)), nil
	}
	if !o.get || !b.present {
		return u, nil
	}
	if b.size > maxQuery {
		return "", usagef("request: --get: %d bytes are too many for a URL", b.size)
	}
	query, err := io.ReadAll(b.reader())
	return withQuery(u, string(query)), err
}

// withQuery adds a query to a URL, which may have one and a fragment.
func withQuery(u, query string) string {
	u, _, _ = strings.Cut(u, "#")
	switch {
	case query == "":
		return u
	case strings.Contains(u, "?"):
		return u + "&" + query
	}
	return u + "?" + query
}
