package commands

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path"
	"path/filepath"
	"strings"
)

// newBoundary returns what separates the fields of a multipart body, as curl
// makes it.
func newBoundary() string {
	var b [8]byte
	rand.Read(b[:])
	return strings.Repeat("-", 24) + hex.EncodeToString(b[:])
}

// A formField is what a value of -F says.
type formField struct {
	name, value string
	file        bool   // value is the name of a file
	upload      bool   // of which the application is told the name
	filename    string // that name
	mediaType   string // "": none is sent
}

// addForms adds the fields as multipart/form-data. See RFC 7578.
func addForms(ctx context.Context, env *Env, b *body, parts []dataPart, boundary string) error {
	for _, part := range parts {
		f, err := parseForm(part)
		if err != nil {
			return err
		}
		b.text([]byte("--" + boundary + "\r\n" + f.header()))
		if f.file {
			err = b.file(ctx, env, f.value, nil)
		} else {
			b.text([]byte(f.value))
		}
		if err != nil {
			return err
		}
		b.text([]byte("\r\n"))
	}
	b.text([]byte("--" + boundary + "--\r\n"))
	return nil
}

// header is what stands before the field's content.
func (f *formField) header() string {
	escape := strings.NewReplacer("\"", "%22", "\r", "%0D", "\n", "%0A").Replace
	h := `Content-Disposition: form-data; name="` + escape(f.name) + `"`
	if f.upload {
		h += `; filename="` + escape(f.filename) + `"`
	}
	h += "\r\n"
	if f.mediaType != "" {
		h += "Content-Type: " + f.mediaType + "\r\n"
	}
	return h + "\r\n"
}

// parseForm reads a value of -F or --form-string. What it holds is in no
// message.
func parseForm(part dataPart) (f formField, err error) {
	name, value, ok := strings.Cut(part.value, "=")
	if !ok {
		return f, usagef("request: --%s takes NAME=VALUE, and there is no =", part.flag)
	}
	f = formField{name: name, value: value}
	if part.flag == "form-string" {
		return f, nil
	}
	switch {
	case strings.HasPrefix(value, "@"):
		f.file, f.upload = true, true
	case strings.HasPrefix(value, "<"):
		f.file = true
	}
	if f.file {
		value = value[1:]
	}
	// A comma means a further file to curl, and only there.
	value, rest, err := formWord(value, f.upload)
	if err != nil {
		return f, err
	}
	f.value, f.filename = value, filepath.Base(value)
	if f.file && value == "" {
		return f, usagef("request: --form %s= names no file", name)
	}
	err = f.attributes(rest)
	if f.upload && f.mediaType == "" {
		f.mediaType = mediaTypeOf(f.filename)
	}
	return f, err
}

// attributes reads what stands behind the value: ;type=… and ;filename=….
func (f *formField) attributes(s string) error {
	for s != "" {
		key, value, _ := strings.Cut(strings.TrimLeft(s[1:], " \t"), "=")
		word, rest, err := formWord(value, false)
		if err != nil {
			return err
		}
		switch {
		case key == "type" && word != "":
			f.mediaType = word
			// The type can have parameters of its own: ;type=text/plain;charset=utf-8.
			for strings.HasPrefix(rest, ";") && !strings.HasPrefix(strings.TrimLeft(rest[1:], " \t"), "filename=") {
				if word, rest, err = formWord(rest[1:], false); err != nil {
					return err
				}
				f.mediaType += ";" + word
			}
		case key == "filename":
			f.filename, f.upload = word, true
		default:
			return withHint(usagef("request: --form %s: only type= and filename= can stand behind a semicolon", f.name),
				"for a value with a semicolon: --form-string, or quote it: 'NAME=\"a;b\"'")
		}
		if strings.ContainsAny(f.mediaType, "\r\n") {
			return usagef("request: --form %s: the type holds a line end", f.name)
		}
		s = rest
	}
	return nil
}

// formWord takes a word off s: to the next semicolon, or in double quotes, where
// a backslash takes the meaning from a quote and a backslash.
func formWord(s string, list bool) (word, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		word, _, _ = strings.Cut(s, ";")
		rest = s[len(word):]
		if list && strings.Contains(word, ",") {
			return "", "", withHint(usagef("request: --form takes one file, and there is a comma in its name"),
				"several files: a flag for each; for a name with a comma: 'NAME=@\"a,b\"'")
		}
		return word, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			rest = s[i+1:]
			if rest != "" && rest[0] != ';' {
				return "", "", usagef("request: --form: a semicolon is missing behind a quoted value")
			}
			return b.String(), rest, nil
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", usagef("request: --form: a quoted value does not end")
}

// mediaTypes are those that curl knows by the name of a file.
var mediaTypes = map[string]string{
	".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml",
	".txt": "text/plain", ".htm": "text/html", ".html": "text/html", ".pdf": "application/pdf", ".xml": "application/xml",
}

func mediaTypeOf(name string) string {
	if t := mediaTypes[strings.ToLower(path.Ext(filepath.ToSlash(name)))]; t != "" {
		return t
	}
	return "application/octet-stream"
}
