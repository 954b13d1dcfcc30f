package server

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestPathPattern(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern  string
		yes, not string // paths
	}{
		{"/a", "/a", "/ /a/b /ab /b/a"},
		{"/a/", "/a /a/b /a/b/c", "/ /ab /b/a"},
		{"/", "/ /a /a/b", ""},
		{"*", "/ /a /a/b", ""},
		{"/a/*", "/a/b /a/b/c", "/a /b/a/b"},
		{"*.bak", "/x.bak /a/.bak", "/x.bak/y /bak"},
		{"/a*c*e", "/ace /abcde /a/c/c/e", "/ac /ae /aec /acee/"},
		{"/a*b*b", "/abb /axbxb", "/ab"},
		{"*/.git/", "/.git /.git/config /a/.git/x", "/git /.github"},
		{"", "", "/ /a"},
	} {
		for _, path := range strings.Fields(tt.yes) {
			if !PathPattern(tt.pattern).Match(path) {
				t.Errorf("%q does not match %q", tt.pattern, path)
			}
		}
		for _, path := range strings.Fields(tt.not) {
			if PathPattern(tt.pattern).Match(path) {
				t.Errorf("%q matches %q", tt.pattern, path)
			}
		}
	}
}

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	login := Passwords(map[string]string{"alice": "s:e cret", "bob": ""})
	basic := func(user string) string {
		return "HTTP_AUTHORIZATION=Basic " + base64.StdEncoding.EncodeToString([]byte(user))
	}
	all := Authorizer{
		Allow: []PathPattern{"/public/", "/favicon.ico"}, Deny: []PathPattern{"*.bak", "/public/no/"}, Login: login, Realm: "a \"b\" \\\r\n",
		Variables: []wire.Pair{wire.NewPair("GROUP", "staff"), wire.NewPair("AUTH_USER", "nobody"), wire.NewPair("A B", "x"), wire.NewPair("C", "x\r\nD: y")},
	}
	const (
		group = "Status: 200 OK\r\nVariable-GROUP: staff\r\nVariable-AUTH_USER: "
		ok    = group + "nobody\r\n\r\n"
	)
	const challenge = "Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a \\\"b\\\" \\\\\", charset=\"UTF-8\"\r\nContent-Type: "
	for _, tt := range []struct {
		name   string
		a      Authorizer
		params []string
		want   string // STDOUT begins with it
	}{
		{"everything", Authorizer{}, []string{"REQUEST_URI=/a"}, "Status: 200 OK\r\n\r\n"},
		{"no path", Authorizer{}, nil, "Status: 400 "},
		{"allowed", all, []string{"REQUEST_URI=/public/a?x=/../../b"}, ok},
		{"allowed, and a name that was not checked", all, []string{"REQUEST_URI=/public/a", basic("mallory:x")}, ok},
		{"only what is allowed", Authorizer{Allow: []PathPattern{"/a"}}, []string{"REQUEST_URI=/b"}, "Status: 403 "},
		{"denied wins", all, []string{"REQUEST_URI=/public/no/a", basic("alice:s:e cret")}, "Status: 403 "},
		{"denied", all, []string{"REQUEST_URI=/a.bak"}, "Status: 403 "},
		{"denied, encoded", all, []string{"REQUEST_URI=/a%2Ebak"}, "Status: 403 "},
		{"denied, with slashes", all, []string{"REQUEST_URI=//public//no/"}, "Status: 403 "},
		{"denied, by dots", all, []string{"REQUEST_URI=/x/%2e%2e/public/./no"}, "Status: 403 "},
		{"denied, as a whole URL", all, []string{"REQUEST_URI=http://host/public/no/a"}, "Status: 403 "},
		{"out of what is allowed, encoded", all, []string{"REQUEST_URI=/public/..%2fsecret"}, challenge},
		{"out of what is denied, behind what is the end for lighttpd", all, []string{"REQUEST_URI=/secret#/../public/a"}, "Status: 400 "},
		{"a # that is part of a name", all, []string{"REQUEST_URI=/public/%23?a#b"}, ok},
		{"a # that is part of a name, put together", all, []string{"SCRIPT_NAME=/public/#"}, ok},
		{"put together, and not decoded once more", all, []string{"SCRIPT_NAME=/secret", "PATH_INFO=/%2e%2e/public/a"}, challenge},
		{"denied, behind a NUL byte", all, []string{"REQUEST_URI=/public/a.bak%00"}, "Status: 400 "},
		{"not decodable", all, []string{"REQUEST_URI=/public/%zz"}, "Status: 400 "},
		{"nobody", all, []string{"REQUEST_URI=/a"}, challenge},
		{"wrong password", all, []string{"REQUEST_URI=/a", basic("alice:s")}, challenge},
		{"unknown", all, []string{"REQUEST_URI=/a", basic("carol:")}, challenge},
		{"another scheme", all, []string{"REQUEST_URI=/a", "HTTP_AUTHORIZATION=Bearer YWxpY2U6czplIGNyZXQ="}, challenge},
		{"no base64", all, []string{"REQUEST_URI=/a", "HTTP_AUTHORIZATION=Basic ?"}, challenge},
		{"login", all, []string{"REQUEST_URI=/a", basic("alice:s:e cret")}, group + "alice\r\n\r\n"},
		{"login, the scheme in small letters", all, []string{"REQUEST_URI=/a", strings.Replace(basic("alice:s:e cret"), "Basic", "basic", 1)}, group + "alice\r\n\r\n"},
		{"the name in other letters", Authorizer{Login: login, Variables: []wire.Pair{wire.NewPair("Auth_User", "nobody")}},
			[]string{"REQUEST_URI=/a", basic("bob:")}, "Status: 200 OK\r\nVariable-AUTH_USER: bob\r\n\r\n"},
		{"login of Apache", all, []string{"REQUEST_URI=/a", "REMOTE_USER=bob", "REMOTE_PASSWD="}, group + "bob\r\n\r\n"},
		{"put together", all, []string{"SCRIPT_NAME=/public", "PATH_INFO=/no"}, "Status: 403 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := connect(t, &Server{Handler: tt.a.Handle})
			p.begin(1, wire.Authorizer, wire.KeepConn, tt.params...)
			p.flush()
			if a := p.answer(1); !strings.HasPrefix(a.stdout, tt.want) {
				t.Errorf("%q, want %q", a.stdout, tt.want)
			}
		})
	}
}

func TestFilterChanges(t *testing.T) {
	t.Parallel()
	const text = "Mixed, aAmMnNzZ @[`{ \xc3\xa4"
	for name, tt := range map[string]struct {
		change func(byte) byte
		want   string
	}{
		"upper": {Upper, "MIXED, AAMMNNZZ @[`{ \xc3\xa4"},
		"lower": {Lower, "mixed, aammnnzz @[`{ \xc3\xa4"},
		"rot13": {Rot13, "Zvkrq, nNzZaAmM @[`{ \xc3\xa4"},
	} {
		p := connect(t, &Server{Handler: Filter(tt.change)})
		p.begin(1, wire.Filter, wire.KeepConn)
		p.Stream(wire.TypeStdin, 1).Close()
		data := p.Stream(wire.TypeData, 1)
		for _, c := range []byte(text) { // nothing depends on where it is cut
			data.Write([]byte{c})
		}
		data.Close()
		p.flush()
		if a := p.answer(1); a.stdout != textHeader+tt.want {
			t.Errorf("%s: %q", name, a.stdout)
		}
	}
}
