package commands

import (
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
)

func faultTopics() []topic {
	examples := faultExamples()
	var all []topic
	for _, r := range diagnose.Rules() {
		r = r.Text()
		t := topic{
			kind: "fault", name: r.Key, also: r.ID, brief: r.Symptom, example: examples[r.Key],
			facts: [][2]string{
				{"class", r.Class.String()}, {"on the wire", r.Wire}, {"cause", r.Cause}, {"check", r.Check}, {"remedy", r.Remedy},
			},
		}
		if r.Field != "" {
			t.facts = append(t.facts, [2]string{"unproved", r.Field})
		}
		if t.example == "" { // there is no connection
			t.example = exPing
		}
		all = append(all, t)
	}
	return all
}

// exPing is the smallest request that php-fpm answers: it shows whether there
// is a connection, and a worker.
const exPing = exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping\n> PARAMS id=1\n> STDIN id=1\n"

// askPHP is a request for a script, with further parameters and a body.
func askPHP(script, body string, more ...string) string {
	params := append([]string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/a.php", "SCRIPT_FILENAME", script}, more...)
	if body != "" {
		params[1] = "POST"
	}
	return askWith(wire.Responder, body, params...)
}

// answers is a request and the answer with those bytes on STDOUT.
func answers(stdout string) string {
	return exAsked + "< STDOUT id=1 \"" + stdout + "\"\n< STDOUT id=1\n" + exEnd
}

// refuses is how php-fpm answers in place of a script: with a line on STDERR, ""
// is none, and a page of its own.
func refuses(stderr, stdout string) string {
	s := "< STDOUT id=1 \"" + stdout + "\"\n" + exEnd
	if stderr != "" {
		s = "< STDERR id=1 \"" + stderr + "\"\n" + s
	}
	return s
}

// What php-fpm answers with.
const (
	exNotFound = `Status: 404 Not Found\r\n\r\nFile not found.\n`
	exDenied   = `Status: 403 Forbidden\r\n\r\nAccess denied.\n`
)

// waits is a conversation after which nothing comes for long.
func waits(conversation string) string { return "@at +0s\n" + conversation + "@at +60s\n" }

// faultExamples are requests that ask for a fault, or conversations that show
// it, by the keys of diagnose.Rules.
func faultExamples() map[string]string {
	const status = "REQUEST_METHOD=GET SCRIPT_NAME=/status SCRIPT_FILENAME="
	return map[string]string{
		"pool-busy":         waits(exPing),
		"pool-pinned":       exKept + exOutput + exEnd, // and nobody closes
		"not-fastcgi":       exAsked + "< raw \"HTTP/1.1 400 Bad Request\\r\\n\\r\\n\"\n",
		"http-to-fpm":       "> raw \"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\"\n",
		"bad-version":       exAsked + exOutput + "< raw 00 00 00 00 00 00 00 00\n",
		"allowed-clients":   exPing + "< ! fin\n",
		"silent-close":      "@at +10s\n" + exPing + "< ! rst\n",
		"stale-keepalive":   exKept + exOutput + exEnd + exAsked + "< ! rst\n",
		"script-missing":    askPHP("/srv/nothing.php", "") + refuses("Primary script unknown", exNotFound),
		"no-input-file":     askPHP("/srv/nothing.php", "") + refuses("", `Status: 404 Not Found\r\n\r\nNo input file specified.\n`),
		"limit-extensions":  askPHP("/a.txt", "") + refuses(`Access to the script '/a.txt' has been denied" " (see security.limit_extensions)`, exDenied),
		"unreadable":        askPHP("/root/a.php", "") + refuses("Unable to open primary script: /root/a.php", exDenied),
		"empty-200":         askWith(wire.Responder, "", "SCRIPT_NAME", "/a.php", "SCRIPT_FILENAME", "/srv/www/a.php") + refuses("", `Content-type: text/html\r\n\r\n`),
		"fatal-500":         askPHP("/srv/www/fatal.php", "") + refuses("PHP message: PHP Fatal error: …", `Status: 500 Internal Server Error\r\n\r\n`),
		"params-pad":        exBegin + "> PARAMS id=1 len=65530 pad=6\n",
		"params-split":      exBegin + "> PARAMS id=1 REQUEST_METHOD=GET \"\\x0c\\x03QUERY_ST\"\n> PARAMS id=1 \"RINGa=b\"\n> PARAMS id=1\n> STDIN id=1\n< ! rst\n",
		"params-cut":        exBegin + "> PARAMS id=1 REQUEST_METHOD=GET\n> GET_VALUES pad=7 FCGI_MPXS_CONNS=\"\"\n> PARAMS id=1 SCRIPT_NAME=/a\n> PARAMS id=1\n> STDIN id=1\n" + refuses("", `Content-type: text/html\r\n\r\n`),
		"body-empty":        askPHP("/srv/www/echo.php", "a=b"),
		"body-short-hang":   waits(askPHP("/srv/www/echo.php", "a=b", "CONTENT_LENGTH", "10")),
		"body-long-reset":   askPHP("/srv/www/echo.php", "a=b&c=d", "CONTENT_LENGTH", "3") + exOutput + exEnd + "< ! rst\n",
		"status-404":        exBegin + "> PARAMS id=1 " + status + "/status\n> PARAMS id=1\n> STDIN id=1\n" + refuses("Primary script unknown", exNotFound),
		"status-denied":     exBegin + "> PARAMS id=1 " + status + "/srv/www/status\n> PARAMS id=1\n> STDIN id=1\n" + refuses("", exDenied),
		"redirect-lost":     answers(`Location: /login\r\n\r\n`),
		"ini-refused":       askPHP("/srv/www/a.php", "", "PHP_VALUE", "x=1") + refuses("Passing INI directive through FastCGI: unable to set 'x'", `Content-type: text/html\r\n\r\nhi\n`),
		"ini-leak":          askPHP("/srv/www/a.php", "", "PHP_VALUE", "display_errors=1"),
		"eof-empty":         exAsked + "< ! fin\n",
		"reset-empty":       exAsked + "< ! rst\n",
		"cut-body":          exAsked + exOutput + "< ! fin\n",
		"timeout-504":       waits(askPHP("/srv/www/slow.php", "")),
		"timeout-body":      waits(exAsked + exOutput + exEnd),
		"big-header":        answers(`Set-Cookie: more than 4096 bytes of them\r\n\r\nhi\n`),
		"big-header-apache": answers(`Set-Cookie: more than 8192 bytes of them\r\n\r\nhi\n`),
		"invalid-header":    answers(`\xef\xbb\xbfContent-Type: text/plain\r\n\r\nhi\n`),
		"no-header-end":     answers(`Content-Type: text/plain\r\n`),
		"end-only":          exAsked + exEnd,
		"wrong-id":          exAsked + "< STDOUT id=2 \"Content-Type: text/plain\\r\\n\\r\\nhi\\n\"\n" + exEnd,
		"stderr-502":        exAsked + exOutput + "< STDERR id=1 \"PHP message: something is odd\"\n< STDOUT id=1 \"hi\\n\"\n> ! fin\n",
		"content-length":    answers(`Content-Length: 10\r\n\r\nhi\n`),
		"stdin-missing":     waits(exBegin + exParams),
		"finish-request":    exKept + exOutput + exEnd + exAsked,
		"big-garbage":       askPHP("/srv/www/big.php", ""),
	}
}
