package commands

// A paramText is what there is to say of a parameter beside what the presets of
// package cgi know.
type paramText struct {
	name, brief string
	section     string // where it is defined; "" is nowhere
	text        string
	value       string // for the example, where no server sends it
	environment string // the server that has it in its environment, and passes that on
}

// paramTexts returns the parameters that the servers send, and some more.
func paramTexts() []paramText {
	return []paramText{
		{name: "REQUEST_METHOD", brief: "the method of the HTTP request", section: "4.1.12 of RFC 3875", text: `
Without it php-fpm answers with an empty page and status 200, and Go's net/http/fcgi with 500. With HEAD the
application may send a body; the web server throws it away.`},
		{name: "SCRIPT_FILENAME", brief: "the file that the application is to run", text: `
No part of CGI, and what php-fpm runs: a path as php-fpm sees it, in its container and its chroot. If there is no
such file php-fpm answers 404, File not found. Apache puts proxy:fcgi:// and the address before it, which php-fpm
takes off.`},
		{name: "SCRIPT_NAME", brief: "the path of the URL that names the script", section: "4.1.13 of RFC 3875", text: `
What follows it in the path is PATH_INFO. php-fpm compares it with ping.path and pm.status_path, and programs make
URLs of their own of it. An authorizer does not get it.`},
		{name: "PATH_INFO", brief: "what follows the script in the path of the URL", section: "4.1.5 of RFC 3875", text: `
Decoded, so %20 is a blank in it. In nginx it is there only if the configuration has fastcgi_split_path_info and
a fastcgi_param for it. php-fpm may make it anew of SCRIPT_FILENAME (cgi.fix_pathinfo).`},
		{name: "PATH_TRANSLATED", brief: "PATH_INFO as a file below the document root", section: "4.1.6 of RFC 3875", text: `
Hardly used: it says where PATH_INFO would lie if it were a file. An authorizer does not get it.`},
		{name: "REQUEST_URI", brief: "the path and the query of the URL, as the client sent them", text: `
No part of CGI: Apache made it up, all have it. Nothing in it is decoded, and a rewrite of the URL does not change
it. Frameworks route by it. Whoever checks a path must check the one that is used: this one may hold %2e%2e or //,
where SCRIPT_NAME and PATH_INFO are decoded and clean.`},
		{name: "REDIRECT_URI", brief: "the URL in its plain form, where lighttpd rewrote it", text: `
lighttpd writes a URL as plainly as it can (%61 is a, .. is followed). If that differs from REQUEST_URI, this is what
it used.`},
		{name: "DOCUMENT_URI", brief: "the path of the URL, decoded and clean", text: `
$document_uri of nginx, which follows rewrites. In Caddy it is the same as SCRIPT_NAME.`},
		{name: "DOCUMENT_ROOT", brief: "the directory that URLs are below", text: `
No part of CGI. PHP programs look for their files by it, so it has to be a path as php-fpm sees it.`},
		{name: "QUERY_STRING", brief: "what follows ? in the URL", section: "4.1.7 of RFC 3875", text: `
Not decoded, and there even if it is empty. PHP makes $_GET of it and not of REQUEST_URI; a front controller needs
it to be passed on (try_files $uri /index.php?$args).`},
		{name: "CONTENT_LENGTH", brief: "how many bytes the body has", section: "4.1.2 of RFC 3875", text: `
php-fpm reads as many bytes from STDIN as this says, whatever else is said: too few and it waits, with -1 or a huge
number too; none and it sees no body. Apache leaves it out for a chunked request, Caddy 2.6 sends -1.`},
		{name: "CONTENT_TYPE", brief: "what the body is", section: "4.1.3 of RFC 3875", text: `
PHP fills $_POST and $_FILES only where it names a form: application/x-www-form-urlencoded or multipart/form-data.`},
		{name: "GATEWAY_INTERFACE", brief: "the version of CGI", section: "4.1.4 of RFC 3875", text: `
CGI/1.1, also with FastCGI. Programs tell by it that they are run by a web server.`},
		{name: "SERVER_PROTOCOL", brief: "the version of HTTP", section: "4.1.16 of RFC 3875", text: `
HTTP/1.1, or HTTP/2.0: what the client spoke. Go's net/http/fcgi answers 500 without it.`},
		{name: "SERVER_SOFTWARE", brief: "the web server's name and version", section: "4.1.17 of RFC 3875", text: `
Programs change what they do by it: php-fpm takes off proxy: from SCRIPT_FILENAME where it sees it.`},
		{name: "SERVER_NAME", brief: "the name of the web server", section: "4.1.14 of RFC 3875", text: `
In nginx the first name of server_name, whatever the client asked for; in the others the host that the client sent,
which can be anything.`},
		{name: "SERVER_ADDR", brief: "the address on which the request came in", text: `
No part of CGI. Behind a load balancer it is one of the inside.`},
		{name: "SERVER_PORT", brief: "the port on which the request came in", section: "4.1.15 of RFC 3875", text: `
Programs make URLs of it. Apache and Caddy take it from the header field Host, which the client writes; nginx and
lighttpd from the connection.`},
		{name: "REMOTE_ADDR", brief: "the address of the HTTP client", section: "4.1.8 of RFC 3875", text: `
Behind a proxy it is the proxy's, unless the web server was told to believe X-Forwarded-For (realip, mod_remoteip).`},
		{name: "REMOTE_PORT", brief: "the port of the HTTP client", text: `
No part of CGI. With it a line of a log can be found again in another one.`},
		{name: "REMOTE_HOST", brief: "the name of the HTTP client", section: "4.1.9 of RFC 3875", text: `
Asking for it takes time, so it is mostly left out; Caddy sends the address.`},
		{name: "REMOTE_IDENT", brief: "what an identd said of the user", section: "4.1.10 of RFC 3875", text: `
A thing of the past, always empty.`},
		{name: "REMOTE_USER", brief: "who the user is", section: "4.1.11 of RFC 3875", text: `
The one whom the web server let in. nginx sends the name in Authorization whether it was checked or not: without
auth_basic it proves nothing.`},
		{name: "REMOTE_PASSWD", brief: "the password of the user, to an authorizer", text: `
mod_authnz_fcgi sends it so that the authorizer can check it. It is a secret: --redact masks it.`},
		{name: "AUTH_TYPE", brief: "how the web server checked who the user is", section: "4.1.1 of RFC 3875", text: `
Basic or Digest; left out, or empty, where it did not.`},
		{name: "REQUEST_SCHEME", brief: "http or https", text: `
No part of CGI. Behind a proxy that ends TLS it is http.`},
		{name: "HTTPS", brief: "on, where the connection has TLS", text: `
No part of CGI, and what PHP programs look at. It is left out without TLS; a value of off is on for programs that
only look whether it is empty. Behind a proxy that ends TLS the web server has to set it.`},
		{name: "SSL_PROTOCOL", brief: "the version of TLS", text: `
Of the connection of the client; Apache has it with SSLOptions +StdEnvVars.`},
		{name: "SSL_CIPHER", brief: "the cipher of the connection", text: `
Of the connection of the client; Apache has it with SSLOptions +StdEnvVars.`},
		{name: "REDIRECT_STATUS", brief: "a sign that a web server asks", text: `
php-cgi runs nothing without it (cgi.force_redirect), so that nobody can call it directly. It is always 200, or the
status of an error page.`},
		{name: "PATH", brief: "where programs are looked for", environment: "cgi-fcgi", text: `
Apache passes its own, and cgi-fcgi its whole environment: what is secret in there is sent, too.`},
		{name: "SERVER_SIGNATURE", brief: "a line for the foot of error pages", text: `
A directive of Apache, HTML, mostly empty.`},
		{name: "SERVER_ADMIN", brief: "whom to write to", text: `
A directive of Apache.`},
		{name: "CONTEXT_PREFIX", brief: "the path of the URL that an Alias maps", text: `
Of Apache, since 2.3.13; empty where there is no Alias.`},
		{name: "CONTEXT_DOCUMENT_ROOT", brief: "the directory that an Alias maps to", text: `
Of Apache, since 2.3.13; DOCUMENT_ROOT where there is no Alias.`},
		{name: "proxy-nokeepalive", brief: "that Apache does not keep the connection", value: "1", text: `
A variable for Apache itself, which it sends along where a SetHandler names an application without a <Proxy>.`},
		{name: "FCGI_ROLE", brief: "the role, as a parameter", text: `
mod_authnz_fcgi sends it, and php-fpm and libfcgi make it of BEGIN_REQUEST for the program: RESPONDER, AUTHORIZER or
FILTER.`},
		{name: "FCGI_APACHE_ROLE", brief: "which step of Apache's access control asks", text: `
AUTHENTICATOR checks who the user is, AUTHORIZER whether he may; mod_authnz_fcgi asks for both with the role
AUTHORIZER.`},
		{name: "FCGI_DATA_LENGTH", brief: "how many bytes DATA has", section: "6.4 of the FastCGI specification", text: `
The size of the file that a FILTER works on. Fewer bytes are a file that was cut.`},
		{name: "FCGI_DATA_LAST_MOD", brief: "when the file of a FILTER was changed", section: "6.4 of the FastCGI specification", text: `
In seconds since 1970. A FILTER that keeps what it made compares it.`},
		{name: "HTTP_HOST", brief: "the header field Host", section: "4.1.18 of RFC 3875", text: `
What the client asked for, so anything. Debian's fastcgi_params has the host without its port ($host), the others send the
field as it is.`},
		{name: "HTTP_AUTHORIZATION", brief: "the header field Authorization", section: "4.1.18 of RFC 3875", text: `
PHP makes PHP_AUTH_USER and PHP_AUTH_PW of it. Apache keeps it to itself unless CGIPassAuth is on. It is a secret:
--redact masks it.`},
		{name: "HTTP_CONTENT_TYPE", brief: "the header field Content-Type, once more", text: `
CGI has CONTENT_TYPE for it, and some send both.`},
		{name: "HTTP_CONTENT_LENGTH", brief: "the header field Content-Length, once more", text: `
CGI has CONTENT_LENGTH for it, and some send both.`},
		{name: "HTTP_X_FORWARDED_FOR", brief: "for whom a proxy asks", text: `
Caddy's php_fastcgi adds it as a proxy does. What came from a client is a claim and no fact.`},
		{name: "HTTP_PROXY", brief: "a field that must not be sent", value: "127.0.0.1:1", section: "httpoxy.org, CVE-2016-5385", text: `
The header field Proxy becomes HTTP_PROXY, which programs take for the proxy that they are to use: whoever sends it reads
their requests. Apache, lighttpd and fcgiscope leave it out; nginx passes it unless fastcgi_param HTTP_PROXY "" is set.`},
		{name: anyField, brief: "the header fields of the HTTP request", value: "en", section: "4.1.18 of RFC 3875", text: `
HTTP_ and the name in capitals, with _ for -: Accept-Language is HTTP_ACCEPT_LANGUAGE. As a field with _ in its name would
become the same parameter, nginx and Apache leave such out. Several fields of one name: nginx before 1.23 sends each,
the others join them with a comma.`},
		{name: "PHP_VALUE", brief: "settings for PHP, as in php.ini", value: "memory_limit=64M", text: `
A line for each. They stay in the php-fpm worker, for later requests of others, too: ini_set in a script does not have that
effect. Whoever can send it to a php-fpm can run code there.`},
		{name: "PHP_ADMIN_VALUE", brief: "settings for PHP that scripts cannot change", value: "open_basedir=/srv/www", text: `
As PHP_VALUE, for those that ini_set refuses and those of the system, such as open_basedir.`},
	}
}
