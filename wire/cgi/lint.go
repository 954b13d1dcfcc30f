package cgi

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A LintRule is something that is lawful in a request and hardly ever meant.
type LintRule struct {
	ID   string // such as "script-relative"
	Text string // what it is about, a clause
	// check returns what is wrong and what comes of it, "" for nothing.
	check func(*linted) string
}

// A Warning is what Lint says of a request.
type Warning struct {
	Rule string // the ID of a LintRule
	Text string // what is wrong and what comes of it, without values of others than paths and lengths
}

// linted is a request that is looked at.
type linted struct {
	role   wire.Role
	params []wire.Pair
	body   int64
	size   int // bytes of the encoded params
	widest int // bytes of the longest encoded pair
	wide   []byte
}

// get returns the value of a parameter, "" if it is missing.
func (l *linted) get(name string) string {
	value, _ := wire.Lookup(l.params, name)
	return string(value)
}

func (l *linted) has(name string) bool {
	_, ok := wire.Lookup(l.params, name)
	return ok
}

// file is SCRIPT_FILENAME without the address that Apache puts before it.
func (l *linted) file() string {
	file := l.get("SCRIPT_FILENAME")
	if l.viaApache() {
		if _, rest, ok := strings.Cut(file, "://"); ok {
			_, rest, _ = strings.Cut(rest, "/")
			return "/" + rest
		}
	}
	return file
}

func (l *linted) viaApache() bool {
	return strings.HasPrefix(l.get("SCRIPT_FILENAME"), "proxy:") && strings.HasPrefix(l.get("SERVER_SOFTWARE"), "Apache")
}

// runs reports whether a script is to be run.
func (l *linted) runs() bool { return l.role != wire.Authorizer }

// LintRules returns the rules, in the order in which Lint looks.
func LintRules() []LintRule { return lintRules }

// onePadded is the most bytes of params that nginx, which sends them in one
// padded record, gets through to php-fpm.
const onePadded = 65528

var lintRules = []LintRule{
	{"method-missing", "REQUEST_METHOD is there", func(l *linted) string {
		if l.get("REQUEST_METHOD") == "" {
			return "there is no REQUEST_METHOD: php-fpm answers 200 with an empty page"
		}
		return ""
	}},
	{"script-missing", "SCRIPT_FILENAME is there", func(l *linted) string {
		if l.runs() && l.file() == "" {
			return "there is no SCRIPT_FILENAME: php-fpm answers 404"
		}
		return ""
	}},
	{"script-name-missing", "SCRIPT_NAME is there", func(l *linted) string {
		if l.runs() && l.get("SCRIPT_NAME") == "" {
			return "there is no SCRIPT_NAME: php-fpm cannot find /ping and /status, and applications their own URL"
		}
		return ""
	}},
	{"script-proxy", "only Apache puts proxy: before SCRIPT_FILENAME", func(l *linted) string {
		if strings.HasPrefix(l.get("SCRIPT_FILENAME"), "proxy:") && !l.viaApache() {
			return "SCRIPT_FILENAME begins with proxy:, and SERVER_SOFTWARE is not Apache: php-fpm may not take that off"
		}
		return ""
	}},
	{"script-relative", "SCRIPT_FILENAME is absolute", func(l *linted) string {
		if file := l.file(); file != "" && !strings.HasPrefix(file, "/") && !strings.HasPrefix(file, "proxy:") {
			return fmt.Sprintf("SCRIPT_FILENAME is not absolute: php-fpm looks for %q where it happens to be", file)
		}
		return ""
	}},
	{"script-unclean", "SCRIPT_FILENAME has no // and no ..", func(l *linted) string {
		file := l.file()
		if strings.HasPrefix(file, "/") && (strings.Contains(file, "//") || strings.Contains(file+"/", "/../")) {
			return fmt.Sprintf("SCRIPT_FILENAME holds // or ..: a root that ends in a slash, or a path that leaves it: %q", file)
		}
		return ""
	}},
	{"script-static", "SCRIPT_FILENAME is no static file", func(l *linted) string {
		if end := strings.ToLower(path.Ext(l.file())); staticFiles[end] {
			return "SCRIPT_FILENAME ends in " + end + ": php-fpm refuses it (security.limit_extensions)"
		}
		return ""
	}},
	{"script-name-other", "SCRIPT_NAME is the end of SCRIPT_FILENAME", func(l *linted) string {
		name, file := l.get("SCRIPT_NAME"), l.file()
		if l.runs() && name != "" && file != "" && l.get("DOCUMENT_ROOT") != "" && !strings.HasSuffix(file, name) {
			return fmt.Sprintf("SCRIPT_NAME %q is not the end of SCRIPT_FILENAME %q: applications may compute a wrong URL of their own", name, file)
		}
		return ""
	}},
	{"path-info-twice", "PATH_INFO is not in SCRIPT_NAME, too", func(l *linted) string {
		if info := l.get("PATH_INFO"); len(info) > 1 && strings.HasSuffix(l.get("SCRIPT_NAME"), info) {
			return fmt.Sprintf("PATH_INFO %q is at the end of SCRIPT_NAME, too: applications see it twice", info)
		}
		return ""
	}},
	{"query-missing", "QUERY_STRING is there, even if it is empty", func(l *linted) string {
		if l.runs() && !l.has("QUERY_STRING") {
			return "there is no QUERY_STRING: CGI wants it, even if it is empty (RFC 3875, 4.1.7)"
		}
		return ""
	}},
	{"query-other", "the query of REQUEST_URI is in QUERY_STRING", func(l *linted) string {
		_, query, _ := strings.Cut(l.get("REQUEST_URI"), "?")
		if l.has("QUERY_STRING") && query != "" && !strings.Contains(l.get("QUERY_STRING"), query) {
			return "REQUEST_URI has a query that QUERY_STRING lacks: $_GET is made of the latter"
		}
		return ""
	}},
	{"length-missing", "CONTENT_LENGTH comes with a body", func(l *linted) string {
		if l.body > 0 && l.get("CONTENT_LENGTH") == "" {
			return fmt.Sprintf("there is a body of %d bytes and no CONTENT_LENGTH: php-fpm sees no body", l.body)
		}
		return ""
	}},
	{"length-other", "CONTENT_LENGTH is the size of the body", func(l *linted) string {
		said := l.get("CONTENT_LENGTH")
		if said == "" {
			return ""
		}
		n, err := strconv.ParseInt(said, 10, 64)
		switch {
		case err != nil || n < 0:
			return fmt.Sprintf("CONTENT_LENGTH is no number of bytes: a php-fpm worker may wait for a body without end (the body has %d)", l.body)
		case n > l.body:
			return fmt.Sprintf("CONTENT_LENGTH is %d and the body has %d bytes: a php-fpm worker waits for the rest", n, l.body)
		case n < l.body:
			return fmt.Sprintf("CONTENT_LENGTH is %d and the body has %d bytes: php-fpm takes the rest for a broken record", n, l.body)
		}
		return ""
	}},
	{"type-missing", "CONTENT_TYPE comes with the body of a POST", func(l *linted) string {
		if l.body > 0 && l.get("REQUEST_METHOD") == "POST" && l.get("CONTENT_TYPE") == "" {
			return "there is a body and no CONTENT_TYPE: $_POST stays empty"
		}
		return ""
	}},
	{"httpoxy", "there is no HTTP_PROXY", func(l *linted) string {
		if l.has("HTTP_PROXY") {
			return "HTTP_PROXY is sent: programs take it for their proxy, web servers leave it out (httpoxy)"
		}
		return ""
	}},
	{"nul", "no name and no value holds a NUL byte", func(l *linted) string {
		for _, p := range l.params {
			if bytes.IndexByte(p.Name, 0) >= 0 || bytes.IndexByte(p.Value, 0) >= 0 {
				return fmt.Sprintf("%q holds a NUL byte: php-fpm and libfcgi cut there", p.Name)
			}
		}
		return ""
	}},
	{"name-empty", "every parameter has a name", func(l *linted) string {
		for _, p := range l.params {
			if len(p.Name) == 0 {
				return "a parameter has an empty name"
			}
		}
		return ""
	}},
	{"twice", "no parameter is there twice", func(l *linted) string {
		seen := make(map[string]bool, len(l.params))
		for _, p := range l.params {
			if seen[string(p.Name)] {
				return fmt.Sprintf("%q is there more than once: most applications take the last one", p.Name)
			}
			seen[string(p.Name)] = true
		}
		return ""
	}},
	{"case", "names differ in more than in upper and lower case", func(l *linted) string {
		seen := make(map[string]string, len(l.params))
		for _, p := range l.params {
			upper, name := strings.ToUpper(string(p.Name)), string(p.Name)
			if other, ok := seen[upper]; ok && other != name {
				return fmt.Sprintf("%q and %q differ in upper and lower case only", other, name)
			}
			seen[upper] = name
		}
		return ""
	}},
	{"pair-size", "a pair fits in a record", func(l *linted) string {
		if l.widest > wire.MaxContent {
			return fmt.Sprintf("%q takes %d bytes and has to be split over records: php-fpm resets the connection", l.wide, l.widest)
		}
		return ""
	}},
	{"params-size", "the parameters fit in the one record that nginx sends", func(l *linted) string {
		if l.size > onePadded && l.widest <= wire.MaxContent {
			return fmt.Sprintf("the parameters take %d bytes: nginx cannot send more than %d", l.size, onePadded)
		}
		return ""
	}},
	{"sticky", "PHP_VALUE and PHP_ADMIN_VALUE stay in the worker", func(l *linted) string {
		for _, name := range []string{"PHP_VALUE", "PHP_ADMIN_VALUE"} {
			if l.has(name) {
				return "what " + name + " sets stays in the php-fpm worker, for later requests too"
			}
		}
		return ""
	}},
	{"authorizer-params", "an authorizer gets no PATH_INFO, SCRIPT_NAME, CONTENT_LENGTH, PATH_TRANSLATED", func(l *linted) string {
		for _, p := range l.params {
			if l.role == wire.Authorizer && authorizerOmits[string(p.Name)] {
				return fmt.Sprintf("%s is sent to an authorizer, which must not get it (FastCGI 1.0, 6.3)", p.Name)
			}
		}
		return ""
	}},
	{"filter-params", "a filter gets FCGI_DATA_LENGTH and FCGI_DATA_LAST_MOD", func(l *linted) string {
		for _, name := range []string{"FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD"} {
			if l.role == wire.Filter && !l.has(name) {
				return "there is no " + name + ": a filter cannot tell a file that is cut from a whole one (FastCGI 1.0, 6.4)"
			}
		}
		return ""
	}},
}

// authorizerOmits: see FastCGI 1.0, section 6.3.
var authorizerOmits = map[string]bool{"CONTENT_LENGTH": true, "PATH_INFO": true, "PATH_TRANSLATED": true, "SCRIPT_NAME": true}

// staticFiles are the ends of names that nobody lets php-fpm run.
var staticFiles = map[string]bool{
	".html": true, ".htm": true, ".css": true, ".js": true, ".json": true, ".txt": true, ".xml": true, ".ico": true, ".png": true,
	".jpg": true, ".jpeg": true, ".gif": true, ".svg": true, ".webp": true, ".pdf": true, ".zip": true, ".woff": true, ".woff2": true,
}

// Lint returns what is lawful in a request and likely a mistake: params are
// those of a request of role (0 is RESPONDER), whose STDIN has body bytes.
func Lint(role wire.Role, params []wire.Pair, body int64) []Warning {
	if role == 0 {
		role = wire.Responder
	}
	l := &linted{role: role, params: params, body: body}
	for _, p := range params {
		n := len(p.Append(nil))
		l.size += n
		if n > l.widest {
			l.widest, l.wide = n, p.Name
		}
	}
	var warnings []Warning
	for _, rule := range lintRules {
		if text := rule.check(l); text != "" {
			warnings = append(warnings, Warning{rule.ID, text})
		}
	}
	return warnings
}
