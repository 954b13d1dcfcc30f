package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// perConnection are the header fields that are about one connection, and Proxy,
// which becomes the variable HTTP_PROXY that programs are configured with. See
// RFC 9110, section 7.6.1, and httpoxy.org.
var perConnection = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Authentication-Info": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Http2-Settings": true, "Proxy": true,
}

// forwarded reports whether a field is what proxies tell about their clients.
func forwarded(name string) bool {
	return strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip" || name == "X-Client-Ip" || name == "X-Original-Url" || name == "X-Rewrite-Url"
}

// isHost reports whether s is a host, with a port or without one, as far as its
// characters say (RFC 3986, section 3.2.2); "" is one. net/http looks at these
// for HTTP/1.1 only, and not at brackets and ports: a client of HTTP/2 can say
// /, ? and # there.
func isHost(s string) bool {
	host, port := splitPort(s)
	more := "-._~%!$&'()*+,;="
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return false
		}
		more += ":"
	}
	return madeOf(host, more) && strings.Trim(port, "0123456789") == ""
}

// splitPort returns a host without its port, and the port.
func splitPort(host string) (string, string) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i], host[i+1:]
	}
	return host, ""
}

// madeOf reports whether s has letters, digits and the characters of more only.
func madeOf(s, more string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// malformedLine returns what a request line of HTTP/1.1 could not hold (RFC
// 9112, section 3): net/http takes it in HTTP/2. Methods and paths with spaces
// are others to who reads the log.
func malformedLine(r *http.Request) *cgi.ParamError {
	switch {
	case r.Method == "" || !madeOf(r.Method, "!#$%&'*+-.^_`|~"):
		return &cgi.ParamError{Name: "REQUEST_METHOD", Why: fmt.Sprintf("%.80q is no method", r.Method)}
	case strings.IndexByte(r.RequestURI, ' ') >= 0:
		return &cgi.ParamError{Name: "REQUEST_URI", Why: "it has a space in it"} // it may hold secrets
	case !isHost(r.Host):
		return &cgi.ParamError{Name: "Host", Why: fmt.Sprintf("%.80q is no host", r.Host)}
	}
	return nil
}

// unambiguous reports whether a name is of letters, digits and hyphens: X_Forwarded_For
// and X-Forwarded-For would be the same parameter.
func unambiguous(name string) bool { return name != "" && madeOf(name, "-") }

// passed returns the header fields that an application is told, in an order
// that does not change.
func (a *App) passed(r *http.Request) []cgi.Field {
	names := make([]string, 0, len(r.Header)+1)
	size := 1
	var listed []string // by Connection, which are about it
	for _, value := range r.Header["Connection"] {
		for word := range strings.SplitSeq(value, ",") {
			listed = append(listed, http.CanonicalHeaderKey(strings.TrimSpace(word)))
		}
	}
	trusted, asked := false, false
	for name, values := range r.Header {
		if forwarded(name) {
			if !asked {
				trusted, asked = a.trusts(r), true
			}
			if !trusted {
				continue
			}
		}
		// In HTTP/2 Host can be there beside :authority, which is what counts (RFC
		// 9113, section 8.3.1).
		if name == "Host" || perConnection[name] || !unambiguous(name) || slices.Contains(listed, name) {
			continue
		}
		names = append(names, name)
		size += len(values)
	}
	slices.Sort(names)
	fields := make([]cgi.Field, 0, size+2)
	if r.Host != "" {
		fields = append(fields, cgi.Field{Name: "Host", Value: r.Host})
	}
	for _, name := range names {
		for _, value := range r.Header[name] {
			fields = append(fields, cgi.Field{Name: name, Value: value})
		}
	}
	return fields
}

// trusts reports whether the client is a proxy of ours.
func (a *App) trusts(r *http.Request) bool {
	if len(a.Trusted) == 0 {
		return false
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := addr.Addr().Unmap()
	return slices.ContainsFunc(a.Trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// remote splits the client's address; a client of a Unix socket has none.
func remote(r *http.Request) (addr, port string) {
	addr, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "", ""
	}
	return addr, port
}

// local returns where the connection came in.
func local(r *http.Request) (addr, port string) {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return "", ""
	}
	if tcp, ok := a.(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		return at.Addr().Unmap().String(), strconv.Itoa(int(at.Port()))
	}
	return "", ""
}

// answerFields puts the header of an application's answer into an HTTP header,
// without what is about the connection to it.
func answerFields(to http.Header, from *cgi.Header) {
	for name, value := range from.Fields() {
		key := http.CanonicalHeaderKey(string(name))
		if key == "Status" || perConnection[key] || strings.HasPrefix(key, "Variable-") {
			continue
		}
		to[key] = append(to[key], withoutControls(value))
	}
	if _, ok := to["Content-Type"]; !ok {
		to["Content-Type"] = nil // or net/http guesses, and makes a page of an upload
	}
}

// withoutControls returns the value of a field with a space for each control
// character but the tab, as RFC 9110, section 5.5, allows: in HTTP/1.1 net/http
// would send them, in HTTP/2 leave the field out.
func withoutControls(value []byte) string {
	control := func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }
	if !slices.ContainsFunc(value, control) {
		return string(value)
	}
	clean := slices.Clone(value)
	for i, c := range clean {
		if control(c) {
			clean[i] = ' '
		}
	}
	return string(clean)
}
