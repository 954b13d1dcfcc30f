package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// cookieOptions say which cookies are sent, and where those of the answer are
// kept.
type cookieOptions struct {
	cookies list   // -b: NAME=VALUE, or files
	jar     string // -c
}

func (o *cookieOptions) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "cookie", Aliases: []string{"b"}, Category: category, Usage: "send the cookies `'NAME=VALUE; …'`, or those of the cookie jar FILE that are for the host and path of URL", Value: &o.cookies},
		&cli.StringFlag{Name: "cookie-jar", Aliases: []string{"c"}, Category: category, Usage: "keep the cookies of the answer in `FILE` (Netscape's format, as curl's), with those of -b", Destination: &o.jar},
	}
}

// maxJar is the most bytes of a cookie jar.
const maxJar = 4 << 20

// A jarSet is what the flags come to.
type jarSet struct {
	words []string // of -b, as they are
	sent  []cookie // of files
	kept  []cookie // all that stay in the jar
	visit visit
}

// read reads the files of -b, and the jar of -c, which has to be one if it
// exists.
func (o *cookieOptions) read(ctx context.Context, env *Env) (set jarSet, err error) {
	set.visit.at = env.Now()
	for _, s := range o.cookies {
		if s == "" || strings.Contains(s, "=") { // curl's way to tell them apart
			if s != "" {
				set.words = append(set.words, s)
			}
			continue
		}
		jar, err := readJar(ctx, env, s)
		if errors.Is(err, fs.ErrNotExist) && s == o.jar {
			continue // it will be made
		}
		if err != nil {
			return set, withHint(err, "a cookie is -b NAME=VALUE; without an = it is the name of a file")
		}
		for _, c := range jar {
			set.sent = put(set.sent, c)
		}
	}
	if o.jar != "" && o.jar != "-" {
		if info, err := os.Stat(o.jar); err == nil && info.Mode().IsRegular() {
			if set.kept, err = readJar(ctx, env, o.jar); err != nil {
				return set, withHint(err, "-c writes over cookie jars only")
			}
		}
	}
	for _, c := range set.sent {
		set.kept = put(set.kept, c)
	}
	return set, nil
}

func readJar(ctx context.Context, env *Env, name string) ([]cookie, error) {
	text, err := readInput(ctx, env, name, maxJar)
	if err != nil {
		return nil, err
	}
	jar, err := parseJar(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return jar, nil
}

// field returns the header Cookie of the request r, if there is anything to
// send.
func (s *jarSet) field(r *cgi.Request) []cgi.Field {
	at := s.visit.at
	s.visit = visitOf(r)
	s.visit.at = at
	words := s.words
	if jar := cookieHeader(s.sent, &s.visit); jar != "" {
		words = append([]string{jar}, words...)
	}
	if len(words) == 0 {
		return nil
	}
	return []cgi.Field{{Name: "Cookie", Value: strings.Join(words, "; ")}}
}

// visitOf returns the host and the path of a request. The header Host has the
// last word, because it chooses the virtual host.
func visitOf(r *cgi.Request) visit {
	v := visit{path: r.URL}
	host := ""
	if scheme, rest, ok := strings.Cut(r.URL, "://"); ok && !strings.Contains(scheme, "/") {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		v.tls, host, v.path = scheme == "https", rest[:end], rest[end:]
	}
	for _, f := range r.Header {
		if strings.EqualFold(f.Name, "Host") {
			host = f.Value
		}
	}
	if i := strings.IndexAny(v.path, "?#"); i >= 0 {
		v.path = v.path[:i]
	}
	if !strings.HasPrefix(v.path, "/") {
		v.path = "/" + v.path
	}
	v.host = strings.ToLower((&url.URL{Host: host}).Hostname())
	if v.host == "" {
		v.host = "localhost"
	}
	return v
}

// check tells before anything is sent that the jar of -c cannot be written.
func (o *cookieOptions) check() error {
	if o.jar == "" || o.jar == "-" {
		return nil
	}
	return checkPlace(o.jar)
}

// keep puts the cookies of an answer into the jar of -c.
func (o *cookieOptions) keep(env *Env, set *jarSet, header *cgi.Header) error {
	if o.jar == "" || header == nil || header.BodyStart() == 0 {
		return nil
	}
	for name, value := range header.Fields() {
		if !strings.EqualFold(string(name), "Set-Cookie") {
			continue
		}
		c, err := setCookie(string(value), &set.visit)
		if err != nil {
			complain(env, fmt.Sprintf("warning: a cookie of the answer is not kept: %v", err))
			continue
		}
		set.kept = put(set.kept, c)
	}
	content := formatJar(set.kept, set.visit.at)
	if o.jar == "-" {
		return write(env.Stdout, content)
	}
	if err := replaceFile(o.jar, content); err != nil {
		return fmt.Errorf("keep the cookies: %w", err)
	}
	return nil
}
