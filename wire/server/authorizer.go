package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An Authorizer decides who gets what, for web servers that ask in the role
// AUTHORIZER. Handle is its Handler; the zero value lets everybody have
// everything.
//
// It looks at the path of REQUEST_URI as the web server's files are found by
// it: decoded, and without "." and "..". A path in Deny is refused with 403. One
// in Allow is let pass. All others need Login, and 401 asks for it; without a
// Login they are let pass too, unless there is an Allow. A path that cannot be
// decoded is refused with 400.
//
// See FastCGI 1.0, section 6.3.
type Authorizer struct {
	Allow, Deny []PathPattern
	// Login reports whether a name and a password belong together. They come
	// from HTTP_AUTHORIZATION, the scheme Basic, or as Apache's mod_authnz_fcgi
	// passes them, from REMOTE_USER and REMOTE_PASSWD.
	Login func(name, password string) bool
	// Realm is what a login is for; "" is "fcgiscope".
	Realm string
	// Variables become parameters of the request that is let pass: each is a
	// header field Variable-NAME of the answer. AUTH_USER is the name of who has
	// logged in, even if it is among them. What makes no header field is left
	// out.
	Variables []wire.Pair
}

// Handle decides about x.
func (a *Authorizer) Handle(_ context.Context, x *Exchange) {
	asked, err := x.Path()
	if err != nil {
		x.Respond(400, strings.TrimPrefix(err.Error(), "server: "))
		return
	}
	var user string
	switch {
	case matchAny(a.Deny, asked):
		decline(x, 403, "", "nobody may see this")
		return
	case matchAny(a.Allow, asked):
	case a.Login != nil:
		name, password := credentials(x)
		if !a.Login(name, password) {
			realm := first(a.Realm, "fcgiscope")
			decline(x, 401, fmt.Sprintf("WWW-Authenticate: Basic realm=%s, charset=\"UTF-8\"\r\n", quotedString(realm)), "log in to see this")
			return
		}
		user = name
	case len(a.Allow) > 0:
		decline(x, 403, "", "this is not among what may be seen")
		return
	}
	io.WriteString(x.Stdout, "Status: 200 OK\r\n")
	for _, v := range a.Variables {
		if user == "" || !strings.EqualFold(string(v.Name), authUser) { // Apache would join the two
			writeVariable(x, string(v.Name), string(v.Value))
		}
	}
	if user != "" {
		writeVariable(x, authUser, user)
	}
	io.WriteString(x.Stdout, "\r\n")
}

// authUser is the variable with the name of who has logged in.
const authUser = "AUTH_USER"

// decline answers with a page. It is a decision, no failure: the appStatus is 0.
func decline(x *Exchange, status int, header, why string) {
	page := response(status, why)
	line, rest, _ := strings.Cut(string(page), "\r\n")
	io.WriteString(x.Stdout, line+"\r\n"+header+rest)
}

func writeVariable(x *Exchange, name, value string) {
	if VariableName(name) && isLine([]byte(value)) {
		fmt.Fprintf(x.Stdout, "Variable-%s: %s\r\n", name, value)
	}
}

// VariableName reports whether an Authorizer can set a variable of that name:
// it is made of letters and digits of ASCII, "_" and "-".
func VariableName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// quotedString returns s as a quoted-string of HTTP, without control characters.
func quotedString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c == 0x7f:
			continue
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// Passwords returns a Login for names with one password each. How long it
// takes does not tell how much of a password was right.
func Passwords(passwords map[string]string) func(name, password string) bool {
	sums := make(map[string][sha256.Size]byte, len(passwords))
	for name, password := range passwords {
		sums[name] = sha256.Sum256([]byte(password))
	}
	return func(name, password string) bool {
		want, known := sums[name]
		got := sha256.Sum256([]byte(password))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known
	}
}

// credentials returns the name and the password that came with x.
func credentials(x *Exchange) (name, password string) {
	if name, password = basicAuth(x.Param("HTTP_AUTHORIZATION")); name == "" {
		name, password = x.Param("REMOTE_USER"), x.Param("REMOTE_PASSWD")
	}
	return name, password
}

// basicAuth returns what an Authorization header of the scheme Basic holds.
func basicAuth(header string) (user, password string) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", ""
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", ""
	}
	user, password, _ = strings.Cut(string(b), ":")
	return user, password
}

// A PathPattern says which paths are meant: those that are equal to it, with
// any bytes, slashes too, in the place of each "*". If it ends in a slash, it
// means that directory and all below it.
type PathPattern string

// Match reports whether p matches a path, which is as path.Clean returns it.
func (p PathPattern) Match(path string) bool {
	if strings.HasSuffix(string(p), "/") {
		path, p = path+"/", p+"*"
	}
	// Each piece where it comes first, and the last one at the end.
	pieces := strings.Split(string(p), "*")
	last := len(pieces) - 1
	rest, ok := strings.CutPrefix(path, pieces[0])
	if !ok || last == 0 {
		return ok && rest == ""
	}
	for _, piece := range pieces[1:last] {
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, pieces[last])
}

func matchAny(patterns []PathPattern, path string) bool {
	for _, p := range patterns {
		if p.Match(path) {
			return true
		}
	}
	return false
}

// authorizer is the app: what is below a directory "private" needs the password
// "secret", with any name.
func authorizer(ctx context.Context, x *Exchange) {
	a := Authorizer{Variables: []wire.Pair{wire.NewPair("AUTH_METHOD", "fcgiscope")}}
	if asked, err := x.Path(); err == nil && strings.Contains(asked+"/", "/private/") {
		a.Login = func(_, password string) bool { return password == "secret" }
		a.Realm = `the password is "secret"`
	}
	a.Handle(ctx, x)
}
