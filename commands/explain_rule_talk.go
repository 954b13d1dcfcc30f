package commands

import "github.com/fcgiscope/fcgiscope/wire"

// conversationRuleTexts is about the order of records, and about what has to
// follow what.
func conversationRuleTexts() []ruleText {
	return []ruleText{
		{wire.RuleIDActive, `
libfcgi refuses the second one and goes on with the first, Go's net/http/fcgi resets the connection, php-fpm answers with an
empty page.`,
			exBegin + exBegin + exParams + "> STDIN id=1\n"},
		{wire.RuleIDInactive, `
php-fpm does not look at the ids of PARAMS and STDIN: pairs and bytes for another request end up in the one that it
serves. Others ignore them.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a\n> PARAMS id=2 INJECTED=1\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RuleLateInput, `
The web server was still sending the body when the answer was complete. With php-fpm the connection cannot be kept then,
unless it was only the end of STDIN.`,
			"> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n" + exParams + exAnswer + exEnd + "> STDIN id=1\n"},
		{wire.RuleOutputInactive, `
The application does not copy the id of BEGIN_REQUEST, or goes on writing after END_REQUEST. nginx answers 502, lighttpd
mixes it into its own answer.`,
			exAsked + "< STDOUT id=2 \"lost\"\n" + exAnswer + exEnd},
		{wire.RuleEndInactive, `
Go's net/http/fcgi does it where ABORT_REQUEST meets a handler that goes on. On a kept connection the second one may end
the next request.`,
			exAsked + exAnswer + exEnd + exEnd},
		{wire.RuleStreamEnded, `
What follows is lost with most, and an error with some: the empty record was sent too early, or where somebody had nothing
to say for the moment.`,
			exAsked + "> STDIN id=1 \"more\"\n"},
		{wire.RuleStreamOrder, `
php-fpm takes the first record of something else for the end of PARAMS, and answers with an empty page.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=POST SCRIPT_NAME=/a CONTENT_LENGTH=3\n> STDIN id=1 \"a=b\"\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RuleStreamUnended, `
The application waits for the rest until a limit of its own, or until the connection ends. Old versions of haproxy forget
the end of STDIN where there is no body.`,
			exPost + "> STDIN id=1 \"a=\"\n"},
		{wire.RuleStdoutUnended, `
Every answer of php-fpm, and web servers know it; only mod_proxy_fcgi waits some seconds if END_REQUEST is missing, too.`,
			exAsked + exOutput + exEnd},
		{wire.RuleStderrUnended, `
Web servers do not wait for it: STDERR ends with END_REQUEST.`,
			exAsked + "< STDERR id=1 \"PHP message: oops\"\n" + exAnswer + exEnd},
		{wire.RuleOutputEarly, `
The application cannot know yet what it is asked; it wrote the answer of another request, or a fixed one.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a\n" + exOutput + "> PARAMS id=1\n> STDIN id=1\n< STDOUT id=1\n" + exEnd},
		{wire.RuleEarlyAnswer, `
Lawful, as for a body that is too large. The web server has to read while it writes, or both wait for each other; what it
still sends belongs to no request.`,
			exPost + "< STDOUT id=1 \"Status: 413 Content Too Large\\r\\n\\r\\n\"\n< STDOUT id=1\n" + exEnd},
		{wire.RuleStreamRole, `
A RESPONDER of php-fpm or libfcgi loses the body where DATA comes, others ignore it.`,
			exAsked + "> DATA id=1 \"a file\"\n> DATA id=1\n"},
		{wire.RuleStdinLength, `
With fewer bytes php-fpm waits for the rest, and the worker with it, until the web server leaves; with more it resets the
connection. Others read to the end of STDIN and do not care.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=POST SCRIPT_NAME=/a CONTENT_LENGTH=10\n> PARAMS id=1\n> STDIN id=1 \"a=b\"\n> STDIN id=1\n"},
		{wire.RuleDataLength, `
A filter cannot tell a file that was cut from a whole one.`,
			exFilter + "> STDIN id=1\n> DATA id=1 \"h\"\n> DATA id=1\n" + exAnswer + exEnd},
		{wire.RuleContentLength, `
Caddy 2.6 sends -1 for a body whose size it does not know: php-fpm waits without end. A word that is no number makes php-fpm
see no body, and Go's net/http/fcgi answer 500.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=POST SCRIPT_NAME=/a CONTENT_LENGTH=-1\n> PARAMS id=1\n> STDIN id=1 \"a=b\"\n> STDIN id=1\n"},
		{wire.RuleFilterParams, `
They are the size of the file and when it was changed. Without them a filter cannot tell a file that was cut.`,
			"> BEGIN_REQUEST id=1 role=FILTER flags=0\n" + exParams + "> STDIN id=1\n> DATA id=1 \"hi\"\n> DATA id=1\n"},
		{wire.RuleAuthorizerParams, `
They are about the script and the body of a request that is not allowed yet. An authorizer that gets them may take the
request for its own.`,
			"> BEGIN_REQUEST id=1 role=AUTHORIZER flags=0\n> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a\n> PARAMS id=1\n" + exAnswer + exEnd},
		{wire.RuleMultiplexRefused, `
An honest answer. Send one request after the other on a connection, and ask get-values beforehand.`,
			exKept + "> BEGIN_REQUEST id=2 role=RESPONDER flags=KEEP_CONN\n< END_REQUEST id=2 appStatus=0 protocolStatus=CANT_MPX_CONN\n" + exAnswer + exEnd},
		{wire.RuleNoEnd, `
The worker died, or ran into a limit: what came is not complete, even if it looks so. nginx passes it on with status 200.`,
			exAsked + exOutput + "< ! fin\n"},
		{wire.RuleLostAtClose, `
The application does what it was told. The mistake is the web server's: it has sent a request over a connection that an
earlier one, which is named, let the application close.`,
			exAsked + "> BEGIN_REQUEST id=2 role=RESPONDER flags=0\n" + exAnswer + exEnd + "< ! fin\n"},
		{wire.RuleAbortUnanswered, `
Most servers do not heed ABORT_REQUEST while a script runs. A web server that needs the connection again has to close it
instead.`,
			exBegin + exParams + "> ABORT_REQUEST id=1\n< ! fin\n"},
		{wire.RuleKeepConn, `
Closed too early, the next request is lost; left open, nginx holds a buffered answer back until fastcgi_read_timeout. libfcgi and php-fpm
close after ABORT_REQUEST although the flag is set.`,
			exKept + exAnswer + exEnd + "< ! fin\n"},
		{wire.RuleResponseHeader, `
A CGI response is header fields, an empty line, a body. Something printed before, such as a byte order mark, makes nginx
answer 502 and Apache 500.`,
			exAsked + "< STDOUT id=1 \"<html>\\n<p>hi\\n\\n\"\n< STDOUT id=1\n" + exEnd},
		{wire.RuleNPH, `
nginx and lighttpd understand it all the same, Apache answers 500. Write Status: 200 OK.`,
			exAsked + "< STDOUT id=1 \"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nhi\\n\"\n< STDOUT id=1\n" + exEnd},
	}
}
