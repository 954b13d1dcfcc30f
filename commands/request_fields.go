package commands

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// fieldOptions are what the header of a request is made of. The letters mean
// what they mean to curl.
type fieldOptions struct {
	headers list
	user    string
	agent   string
	referer string
	cookies cookieOptions
}

func (o *fieldOptions) flags(category string) []cli.Flag {
	flags := []cli.Flag{
		&cli.GenericFlag{Name: "header", Aliases: []string{"H"}, Category: category, Usage: "request header `'Name: value'`, becomes HTTP_NAME; may come several times", Value: &o.headers},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Category: category, Usage: "`NAME:PASSWORD` in HTTP_AUTHORIZATION (Basic), of which PHP makes PHP_AUTH_USER and PHP_AUTH_PW", Destination: &o.user},
		&cli.StringFlag{Name: "user-agent", Aliases: []string{"A"}, Category: category, Usage: "send `NAME` as User-Agent", Destination: &o.agent},
		&cli.StringFlag{Name: "referer", Aliases: []string{"e"}, Category: category, Usage: "send `URL` as Referer", Destination: &o.referer},
	}
	return append(flags, o.cookies.flags(category)...)
}

// own returns the fields that have flags of their own. -H has the last word.
func (o *fieldOptions) own() (fields []cgi.Field, err error) {
	if o.agent != "" {
		fields = append(fields, cgi.Field{Name: "User-Agent", Value: o.agent})
	}
	if o.referer != "" {
		fields = append(fields, cgi.Field{Name: "Referer", Value: strings.TrimSuffix(o.referer, ";auto")})
	}
	if o.user != "" {
		if !strings.Contains(o.user, ":") {
			return nil, withHint(usagef("request: -u takes NAME:PASSWORD, and there is no colon"), "an empty password: -u NAME:")
		}
		fields = append(fields, cgi.Field{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(o.user))})
	}
	return fields, nil
}

// A fieldSet is what a header comes to.
type fieldSet struct {
	fields []cgi.Field
	raw    []wire.Pair // parameters of fields that only --raw-params lets through
	unset  []string    // parameters that are not wanted
	notes  []string
	said   map[string]bool // names that -H has, in lower case
}

// read reads -H as curl does: "Name: value", "Name;" for an empty value, and
// "Name:" for one that would be sent by itself and is not wanted. Others are
// fields that are sent where -H does not name them.
func (o *fieldOptions) read(raw bool, others ...cgi.Field) (set fieldSet, err error) {
	own, err := o.own()
	if err != nil {
		return set, err
	}
	set.said = map[string]bool{}
	for _, s := range o.headers {
		f, remove, err := parseHeader(s)
		if err != nil {
			return set, err
		}
		name := strings.ToLower(f.Name)
		set.said[name] = true
		switch {
		case name == "content-length":
			set.notes = append(set.notes, "hint: CONTENT_LENGTH is that of the body; to send another one: -P CONTENT_LENGTH=N")
		case name == "host" && remove:
			set.unset = append(set.unset, "HTTP_HOST")
		}
		if remove {
			continue
		}
		if err := set.add(f, raw); err != nil {
			return set, err
		}
	}
	return set, set.addUnsaid(raw, slices.Concat(own, others))
}

// addUnsaid adds the fields that -H does not name.
func (s *fieldSet) addUnsaid(raw bool, fields []cgi.Field) error {
	for _, f := range fields {
		if s.said[strings.ToLower(f.Name)] {
			continue
		}
		if err := s.add(f, raw); err != nil {
			return err
		}
	}
	return nil
}

// add adds a field, which can hold line ends and NULs only with --raw-params.
func (s *fieldSet) add(f cgi.Field, raw bool) error {
	switch {
	case !strings.ContainsAny(f.Name+f.Value, "\x00\r\n"):
		s.fields = append(s.fields, f)
	case !raw:
		return withHint(usagef("request: the header %.60q holds a NUL byte or a line end", f.Name), "to send it as it is: --raw-params")
	default:
		s.raw = append(s.raw, wire.NewPair("HTTP_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), f.Value))
	}
	return nil
}

// parseHeader reads a value of -H, which may be a secret and is in no message.
func parseHeader(s string) (f cgi.Field, remove bool, err error) {
	name, value, ok := strings.Cut(s, ":")
	value = strings.TrimSpace(value)
	remove = ok && value == ""
	if !ok {
		if name, ok = strings.CutSuffix(s, ";"); !ok {
			return f, false, usagef("request: -H takes 'Name: value', and there is no colon")
		}
	}
	f = cgi.Field{Name: strings.TrimSpace(name), Value: value}
	if f.Name == "" {
		return f, false, usagef("request: -H takes 'Name: value', and there is no name")
	}
	return f, remove, nil
}
