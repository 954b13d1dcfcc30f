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
		if t.example == "" { // there is no answer, or none that is different
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

// faultExamples are requests that ask for a fault, or conversations that show
// it, by the keys of diagnose.Rules.
func faultExamples() map[string]string {
	return map[string]string{
		"not-fastcgi":       exAsked + "< raw \"HTTP/1.1 400 Bad Request\\r\\n\\r\\n\"\n",
		"http-to-fpm":       "> raw \"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\"\n",
		"bad-version":       exAsked + exOutput + "< raw 00 00 00 00 00 00 00 00\n",
		"stale-keepalive":   exKept + exAnswer + exEnd + exAsked + "< ! rst\n",
		"script-missing":    askPHP("/srv/nothing.php", ""),
		"no-input-file":     askPHP("/srv/nothing.php", ""),
		"limit-extensions":  askPHP("/srv/www/logo.png", ""),
		"unreadable":        askPHP("/root/a.php", ""),
		"empty-200":         askWith(wire.Responder, "", "SCRIPT_NAME", "/a.php", "SCRIPT_FILENAME", "/srv/www/a.php"),
		"fatal-500":         askPHP("/srv/www/fatal.php", ""),
		"params-pad":        exBegin + "> PARAMS id=1 len=65530 pad=6\n",
		"params-split":      exBegin + "> PARAMS id=1 REQUEST_METHOD=GET \"\\x0c\\x03QUERY_ST\"\n> PARAMS id=1 \"RINGa=b\"\n> PARAMS id=1\n> STDIN id=1\n",
		"params-cut":        exBegin + "> PARAMS id=1 REQUEST_METHOD=GET\n> GET_VALUES pad=7 FCGI_MPXS_CONNS=\"\"\n> PARAMS id=1 SCRIPT_NAME=/a\n> PARAMS id=1\n> STDIN id=1\n",
		"body-empty":        askPHP("/srv/www/echo.php", "a=b"),
		"body-short-hang":   askPHP("/srv/www/echo.php", "a=b", "CONTENT_LENGTH", "10"),
		"body-long-reset":   askPHP("/srv/www/echo.php", "a=b&c=d", "CONTENT_LENGTH", "3"),
		"status-404":        askWith(wire.Responder, "", "REQUEST_METHOD", "GET", "SCRIPT_NAME", "/status", "SCRIPT_FILENAME", "/status"),
		"status-denied":     askWith(wire.Responder, "", "REQUEST_METHOD", "GET", "SCRIPT_NAME", "/status", "SCRIPT_FILENAME", "/srv/www/status"),
		"redirect-lost":     answers(`Location: /login\r\n\r\n`),
		"ini-refused":       askPHP("/srv/www/a.php", "", "PHP_VALUE", "no_such_setting"),
		"ini-leak":          askPHP("/srv/www/a.php", "", "PHP_VALUE", "display_errors=1"),
		"eof-empty":         exAsked + "< ! fin\n",
		"reset-empty":       exAsked + "< ! rst\n",
		"cut-body":          exAsked + exOutput + "< ! fin\n",
		"timeout-body":      exAsked + exAnswer + exEnd,
		"big-header":        answers(`Set-Cookie: more than 4096 bytes of them\r\n\r\n`),
		"big-header-apache": answers(`Set-Cookie: more than 8192 bytes of them\r\n\r\n`),
		"invalid-header":    answers(`\xef\xbb\xbfContent-Type: text/plain\r\n\r\nhi\n`),
		"no-header-end":     answers(`Content-Type: text/plain\r\n`),
		"end-only":          exAsked + exEnd,
		"wrong-id":          exAsked + "< STDOUT id=2 \"Content-Type: text/plain\\r\\n\\r\\nhi\\n\"\n" + exEnd,
		"stderr-502":        exAsked + exOutput + "< STDERR id=1 \"PHP message: something is odd\"\n< STDOUT id=1\n" + exEnd,
		"content-length":    answers(`Content-Length: 10\r\n\r\nhi\n`),
		"stdin-missing":     exBegin + exParams,
		"finish-request":    exKept + exAnswer + exEnd + exAsked,
	}
}
