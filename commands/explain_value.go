package commands

import "github.com/fcgiscope/fcgiscope/wire"

// A valueText is what there is to say of a word of the protocol.
type valueText struct {
	name, brief, section, text, example string
}

var roleTexts = []valueText{
	{wire.Responder.String(), "the role of nearly everything: answer an HTTP request", "6.2", `
It gets PARAMS and STDIN and answers with a CGI response on STDOUT, as a CGI program does. It may
begin to answer when PARAMS have ended, and need not read the body to its end. nginx, Caddy and
Apache's mod_proxy_fcgi ask for no other role.`,
		askWith(wire.Responder, "a=b", "REQUEST_METHOD", "POST", "SCRIPT_NAME", "/a", "CONTENT_LENGTH", "3")},
	{wire.Authorizer.String(), "decides whether somebody may have something", "6.3", `
It gets PARAMS and no body. Status 200 allows: the body is thrown away, and header fields
Variable-NAME become parameters of the request that follows. Any other status refuses, and that
answer goes to the user. CONTENT_LENGTH, PATH_INFO, PATH_TRANSLATED and SCRIPT_NAME are left out.
Apache (mod_authnz_fcgi) and lighttpd ask for it, nginx has auth_request over HTTP instead. php-fpm
answers as a RESPONDER, Go's net/http/fcgi refuses it.`,
		askWith(wire.Authorizer, "", "REQUEST_METHOD", "GET", "REQUEST_URI", "/private", "REMOTE_USER", "alice")},
	{wire.Filter.String(), "works on a file that the web server reads", "6.4", `
It gets PARAMS, then STDIN, then the file as DATA, with its size and time in FCGI_DATA_LENGTH and
FCGI_DATA_LAST_MOD, and answers with what it made of it. It may begin when STDIN has ended. No web
server that is in use asks for it; libfcgi and fcgiscope serve can be one.`,
		"> BEGIN_REQUEST id=1 role=FILTER flags=0\n> PARAMS id=1 REQUEST_METHOD=GET FCGI_DATA_LAST_MOD=1767323045 FCGI_DATA_LENGTH=2\n" +
			"> PARAMS id=1\n> STDIN id=1\n> DATA id=1 \"hi\"\n> DATA id=1\n"},
}

var statusTexts = []valueText{
	{wire.RequestComplete.String(), "protocolStatus 0: the request was served", "5.5", `
The normal end, also where the answer is an error of HTTP. Whether the program was content says
appStatus. Without any STDOUT it still is no answer: web servers make 502, or an empty page, of it.`,
		exAsked + exAnswer + exEnd},
	{wire.CantMultiplex.String(), "protocolStatus 1: one request at a time on this connection", "5.5", `
A second request began before the first one had ended, and the application serves one after the
other. libfcgi says it; php-fpm does not, it loses the parameters of the first request and answers
with an empty page. GET_VALUES tells beforehand: FCGI_MPXS_CONNS=0.`,
		"> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n> BEGIN_REQUEST id=2 role=RESPONDER flags=KEEP_CONN\n" +
			"< END_REQUEST id=2 appStatus=0 protocolStatus=CANT_MPX_CONN\n> ABORT_REQUEST id=1\n"},
	{wire.Overloaded.String(), "protocolStatus 2: the application is out of something", "5.5", `
Workers, memory, connections to a database: try again later, or somewhere else. It is the polite way
to refuse, and rare: a php-fpm without a free worker lets the request wait instead, until somebody
runs out of patience. fcgiscope serve --max-reqs says it.`,
		exAsked + "< END_REQUEST id=1 appStatus=0 protocolStatus=OVERLOADED\n"},
	{wire.UnknownRole.String(), "protocolStatus 3: the application does not play that role", "5.5", `
Most applications are RESPONDERs only. Go's net/http/fcgi says it of the others; php-fpm and libfcgi
close, or reset, the connection on a role that they do not know, and serve the three that they know
alike.`,
		"> BEGIN_REQUEST id=1 role=ROLE(7) flags=0\n< END_REQUEST id=1 appStatus=0 protocolStatus=UNKNOWN_ROLE\n"},
	{"appStatus", "what the program would have exited with", "5.5", `
Four bytes of END_REQUEST: 0 where all went well, as for a CGI program. It says nothing of HTTP: a
404 has 0, too. php-fpm always sends 0, after a fatal error as well, and web servers ignore it;
cgi-fcgi exits with it, and fcgiscope request with 4 where it is not 0.`,
		exAsked + exAnswer + "< END_REQUEST id=1 appStatus=3 protocolStatus=REQUEST_COMPLETE\n"},
}

var valueTexts = []valueText{
	{wire.KeepConn.String(), "the flag of BEGIN_REQUEST: leave the connection open", "5.1", `
Without it the application closes after END_REQUEST, with it the web server may send the next
request on the same connection. Each connection that is kept holds a php-fpm worker, idle or not, so
nginx's keepalive must be smaller than pm.max_children. nginx sets it with fastcgi_keep_conn, Apache
where the application has a ProxyPass or a <Proxy>.`,
		"> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n" + exParams + "> STDIN id=1\n"},
	{wire.MaxConns, "how many connections the application takes at once", "4.1", `
A decimal number, asked for with GET_VALUES. php-fpm does not tell (it is pm.max_children), libfcgi
says 1 whatever it is, as it knows of one process only.`,
		"> GET_VALUES pad=8 FCGI_MAX_CONNS=\"\"\n"},
	{wire.MaxReqs, "how many requests the application takes at once", "4.1", `
A decimal number, over all connections. The same as FCGI_MAX_CONNS for whoever takes one request at
a time on each. php-fpm does not tell it.`,
		"> GET_VALUES pad=1 FCGI_MAX_REQS=\"\"\n"},
	{wire.MpxsConns, "whether it takes several requests at once on a connection", "4.1", `
1 if it does, 0 if not. php-fpm and libfcgi say 0, Go's net/http/fcgi and Net::Async::FastCGI 1.
Whether that is true tells fcgiscope get-values --verify. No web server that is in use multiplexes.`,
		"> GET_VALUES pad=7 FCGI_MPXS_CONNS=\"\"\n"},
}

func roleTopics() []topic   { return valueTopicsOf("role", roleTexts) }
func statusTopics() []topic { return valueTopicsOf("status", statusTexts) }
func valueTopics() []topic  { return valueTopicsOf("value", valueTexts) }

func valueTopicsOf(kind string, texts []valueText) []topic {
	var all []topic
	for _, v := range texts {
		all = append(all, topic{
			kind: kind, name: v.name, section: v.section, brief: v.brief, text: v.text, example: v.example,
			facts: [][2]string{{"section", v.section + " of the FastCGI specification"}},
		})
	}
	return all
}
