package commands

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A cookie is one of a jar. See RFC 6265.
type cookie struct {
	domain      string // lower case, without the dot before it
	sub         bool   // hosts below the domain get it, too
	path        string
	secure      bool
	httpOnly    bool
	expires     int64 // seconds since 1970; 0: it is one of the session, and is kept, too
	name, value string
}

// A visit is where and when cookies go to, or come from.
type visit struct {
	host string // lower case, without a port
	path string // of the URL, as it is there
	tls  bool   // the URL is https
	at   time.Time
}

// safe reports whether secure cookies may be sent: with https, and to this
// machine, as browsers and curl have it.
func (v *visit) safe() bool {
	addr, err := netip.ParseAddr(v.host)
	return v.tls || v.host == "localhost" || strings.HasSuffix(v.host, ".localhost") || err == nil && addr.IsLoopback()
}

func (c *cookie) expired(at time.Time) bool { return c.expires != 0 && c.expires <= at.Unix() }

// goesTo reports whether the cookie is sent there. See RFC 6265, 5.1.3, 5.1.4
// and 5.4.
func (c *cookie) goesTo(v *visit) bool {
	return !c.expired(v.at) && (!c.secure || v.safe()) && inPath(v.path, c.path) &&
		(v.host == c.domain || c.sub && isBelow(v.host, c.domain))
}

// isBelow reports whether host is a name below domain.
func isBelow(host, domain string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && strings.HasSuffix(host, "."+domain)
}

func inPath(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || strings.HasSuffix(prefix, "/") || rest[0] == '/')
}

// cookieHeader returns the value of the header Cookie: those with the longest
// path first.
func cookieHeader(cookies []cookie, v *visit) string {
	var sent []cookie
	for _, c := range cookies {
		if c.goesTo(v) {
			sent = append(sent, c)
		}
	}
	slices.SortStableFunc(sent, func(a, b cookie) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(len(b.domain), len(a.domain)), cmp.Compare(len(b.name), len(a.name)))
	})
	var words []string
	for _, c := range sent {
		words = append(words, c.name+"="+c.value)
	}
	return strings.Join(words, "; ")
}

// put puts a cookie into the jar, in the place of an older one.
func put(jar []cookie, c cookie) []cookie {
	same := func(o cookie) bool {
		return o.name == c.name && o.domain == c.domain && o.path == c.path && o.sub == c.sub
	}
	if i := slices.IndexFunc(jar, same); i >= 0 {
		jar[i] = c
		return jar
	}
	return append(jar, c)
}

// setCookie reads a field Set-Cookie of an answer, as a browser does that
// visits v. The error says why it would not take it, without its value.
func setCookie(field string, v *visit) (c cookie, err error) {
	h, err := http.ParseSetCookie(field)
	if err != nil {
		return c, errors.New("it is no cookie")
	}
	c = cookie{domain: v.host, path: h.Path, secure: h.Secure, httpOnly: h.HttpOnly, name: h.Name, value: h.Value}
	if h.Quoted {
		c.value = `"` + c.value + `"`
	}
	switch {
	case h.MaxAge < 0:
		c.expires = 1
	case h.MaxAge > 0:
		c.expires = v.at.Add(time.Duration(min(h.MaxAge, 400*24*3600)) * time.Second).Unix()
	case !h.Expires.IsZero():
		c.expires = max(1, h.Expires.Unix())
	}
	if !strings.HasPrefix(c.path, "/") { // RFC 6265, 5.1.4
		c.path = v.path[:max(1, strings.LastIndexByte(v.path, '/'))]
	}
	domain := strings.ToLower(strings.TrimPrefix(h.Domain, "."))
	switch {
	case strings.ContainsAny(c.value+c.path, "\t"):
		return c, errors.New("it holds a tab")
	case c.secure && !v.safe():
		return c, errors.New("it is secure, and the URL is not https")
	case domain == "" || domain == v.host && !strings.Contains(domain, "."):
	case domain != v.host && !isBelow(v.host, domain), !strings.Contains(domain, "."):
		return c, fmt.Errorf("its domain %.60q is not that of %s", domain, v.host)
	default:
		_, err := netip.ParseAddr(domain)
		c.domain, c.sub = domain, err != nil
	}
	switch {
	case strings.HasPrefix(c.name, "__Secure-") && !c.secure,
		strings.HasPrefix(c.name, "__Host-") && (!c.secure || c.path != "/" || domain != ""):
		return c, errors.New("its name promises what it does not keep")
	}
	return c, nil
}

const (
	jarTitle    = "# Netscape HTTP Cookie File\n# Written by fcgiscope: domain, hosts below it, path, https only, expires, name, value\n\n"
	httpOnlyTag = "#HttpOnly_"
)

// parseJar reads a file in Netscape's format. Errors name the line, and nothing
// that stands there.
func parseJar(text []byte) (jar []cookie, err error) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		c := cookie{}
		line, c.httpOnly = strings.CutPrefix(line, httpOnlyTag)
		if strings.TrimSpace(line) == "" || line[0] == '#' && !c.httpOnly {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) == 6 {
			fields = append(fields, "") // a cookie without a value
		}
		if len(fields) != 7 {
			return nil, fmt.Errorf("line %d: not the seven fields of a cookie jar, separated by tabs", n)
		}
		if c.expires, err = strconv.ParseInt(fields[4], 10, 64); err != nil {
			return nil, fmt.Errorf("line %d: the fifth field is no time", n)
		}
		c.domain, c.sub = strings.ToLower(strings.TrimPrefix(fields[0], ".")), strings.EqualFold(fields[1], "TRUE")
		c.path, c.secure, c.name, c.value = fields[2], strings.EqualFold(fields[3], "TRUE"), fields[5], fields[6]
		if strings.ContainsAny(c.name+c.value, "\x00\r;") {
			return nil, fmt.Errorf("line %d: a cookie with a NUL byte, a line end or a semicolon", n)
		}
		jar = put(jar, c)
	}
	return jar, nil
}

// formatJar writes the cookies that have not expired. Those of a session have
// the time 0.
func formatJar(jar []cookie, at time.Time) []byte {
	word := map[bool]string{true: "TRUE", false: "FALSE"}
	b := bytes.NewBufferString(jarTitle)
	for _, c := range jar {
		if c.expired(at) {
			continue
		}
		if c.httpOnly {
			b.WriteString(httpOnlyTag)
		}
		if c.sub {
			b.WriteByte('.')
		}
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.domain, word[c.sub], c.path, word[c.secure], c.expires, c.name, c.value)
	}
	return b.Bytes()
}

// replaceFile makes content that of a file that only its owner can read, at once
// or not at all. What is no regular file is written to.
func replaceFile(name string, content []byte) (err error) {
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		name = resolved
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, content, 0o600)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".fcgiscope-*") // 0600
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
