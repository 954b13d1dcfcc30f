package diagnose

import (
	"bytes"
	"path"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// This file has the faults in which php-fpm answers, but not with what was
// wanted, and the requests that it cannot bear.

func phpRules() []Rule {
	return []Rule{
		{
			ID: "D13", Key: "script-missing", Class: Negative,
			Symptom: "404 File not found.; the log says FastCGI sent in stderr: Primary script unknown",
			Wire:    "status 404; STDERR is {stderr}",
			Cause:   "{script} does not exist for php-fpm: another root in its container or chroot, a relative path, a directory that its user may not enter, or the variable is missing",
			Check:   "ls -l {script} where php-fpm runs, as its user; DOCUMENT_ROOT is {root}, SCRIPT_NAME is {name}",
			Remedy:  "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name (fastcgi_params lacks it), and the same path in both containers",
			Hint:    "php-fpm finds no script {script}: name the web root as php-fpm sees it with --root, or the file with --script",
			Match: func(f *Facts) Confidence {
				switch {
				case f.statusPath():
					return when(Possible, f.unknownScript())
				case f.says("Primary script unknown"):
					return Certain
				}
				return when(Likely, f.unknownScript())
			},
		},
		{
			ID: "D14", Key: "no-input-file", Class: Negative,
			Symptom: "No input file specified.",
			Wire:    "status 404; the body: {body}",
			Cause:   "{script} does not exist for php-cgi, or the variable is missing",
			Check:   "ls -l {script} where php-cgi runs, as its user; DOCUMENT_ROOT is {root}",
			Remedy:  "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name, and the same path in both containers",
			Hint:    "php-cgi finds no script {script}: name the web root as it sees it with --root, or the file with --script",
			Field:   "php-cgi is not among the peers",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, bytes.HasPrefix(f.Body, []byte("No input file specified.")))
			},
		},
		{
			ID: "D15", Key: "limit-extensions", Class: Negative,
			Symptom: "403 Access denied.",
			Wire:    "status 403; STDERR is {stderr}, with the file that php-fpm resolved",
			Cause:   "php-fpm does not run that file: its name does not end as security.limit_extensions says (.php, .phar); a directory, an empty SCRIPT_FILENAME, or PATH_INFO behind a static file lead there too",
			Check:   "SCRIPT_FILENAME is {script}; is that the file that was meant?",
			Remedy:  "route only existing scripts to it: try_files $uri =404; never set security.limit_extensions to nothing",
			Hint:    "php-fpm does not run {script}: its name has to end as security.limit_extensions says, usually in .php",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.says("security.limit_extensions"))
			},
		},
		{
			ID: "D16", Key: "unreadable", Class: Negative,
			Symptom: "403 Access denied.",
			Wire:    "status 403; STDERR is {stderr}",
			Cause:   "the user of the pool may not read {script}",
			Check:   "the pool's user against the mode of the file and of the directories above it; ACLs, SELinux, open_basedir",
			Remedy:  "let the pool's user (often www-data) read the file",
			Hint:    "php-fpm may not read {script}: its user (often www-data) needs permission for the file and the directories above it",
			Match:   func(f *Facts) Confidence { return when(Certain, f.says("Unable to open primary script")) },
		},
		{
			ID: "D17", Key: "empty-200", Class: Negative,
			Symptom: "a blank page with status 200, and nothing in the log",
			Wire:    "status 200, no body, no STDERR, END_REQUEST as if all were well",
			Cause:   "php-fpm answers so when REQUEST_METHOD is missing or PARAMS were cut; otherwise the script {script} prints nothing",
			Check:   "REQUEST_METHOD and SCRIPT_FILENAME: is {absent} missing? Then a script that is known to print",
			Remedy:  "include fastcgi_params, or fastcgi.conf, which has SCRIPT_FILENAME too",
			Hint:    "the page is empty: {empty}",
			Match: func(f *Facts) Confidence {
				_, method := f.Param("REQUEST_METHOD")
				_, file := f.Param("SCRIPT_FILENAME")
				switch {
				case !f.emptyPage():
					return 0
				case f.ParamsCut != nil, f.Request.Role == wire.Authorizer:
					return 0
				case !method || !file:
					return Certain
				}
				return Likely
			},
		},
		{
			ID: "D18", Key: "fatal-500", Class: Negative,
			Symptom: "500, an empty page or a part of one; the log says FastCGI sent in stderr: PHP message: PHP Fatal error: …",
			Wire:    "status {status}; STDERR is {stderr}; the body: {body}",
			Cause:   "the PHP program failed",
			Check:   "the message: it names the file and the line",
			Remedy:  "fix the program; display_errors = 0 and log_errors = 1, or errors come with status 200",
			Hint:    "the PHP program failed: its message names the file and the line",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, f.says("PHP message:") && (f.says("Fatal error") || f.says("Parse error")) || f.displaysError())
			},
		},
		{
			ID: "D19", Key: "params-pad", Class: Broken,
			Symptom: "502 for long URLs or cookies; the log says recv() failed (104: Connection reset by peer)",
			Wire:    "a PARAMS record has {largest} bytes of content and padding, and {close}",
			Cause:   "php-fpm refuses records of more than 65535 bytes with their padding; nginx sends all parameters, here {params} bytes, in one padded record",
			Check:   "the size of all parameters: 65529 bytes and more of them fail",
			Remedy:  "shorter headers and cookies; a smaller large_client_header_buffers refuses them with 400",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.cutShort(), f.ParamsLargest > wire.MaxContent)
			},
		},
		{
			ID: "D20", Key: "params-split", Class: Broken,
			Symptom: "502 or exit 104 with many or long variables",
			Wire:    "{records} PARAMS records, the pair {crossing} crosses a border between them, and {close}",
			Cause:   "php-fpm parses each PARAMS record alone, and the client cut a pair in two",
			Check:   "the size of all parameters, here {params} bytes: clients cut at 8184 (cgi-fcgi) or 65535",
			Remedy:  "fewer or shorter variables (env -i for cgi-fcgi), or a client that keeps pairs whole",
			Match:   func(f *Facts) Confidence { return when(Certain, f.cutShort(), f.ParamsSplit != "") },
		},
		{
			ID: "D21", Key: "params-cut", Class: Negative,
			Symptom: "a blank page, or variables that are missing, now and then",
			Wire:    "{cut} came between BEGIN_REQUEST and the end of PARAMS",
			Cause:   "php-fpm takes any other record for the end of PARAMS: what follows it is lost",
			Check:   "who sends {cut}: its place is to be seen in fcgiscope dump",
			Remedy:  "send management records on a connection of their own, and requests one after the other",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.ParamsCut != nil, f.emptyPage() || f.unknownScript() || f.cutShort())
			},
		},
		{
			ID: "D22", Key: "body-empty", Class: Negative,
			Symptom: "php://input and $_POST are empty, although data was sent",
			Wire:    "STDIN has {stdin} bytes, and CONTENT_LENGTH is {length}",
			Cause:   "php-fpm reads as many bytes as CONTENT_LENGTH says, and here that is none (Apache with a chunked request)",
			Check:   "CONTENT_LENGTH against the bytes of STDIN",
			Remedy:  "let the proxy buffer the body (Apache: SetEnv proxy-sendcl 1), or send Content-Length",
			Match: func(f *Facts) Confidence {
				r := &f.Request
				switch {
				case !f.Sent || r.Role == wire.Authorizer:
					return 0
				case r.Complete && r.ContentLength == -1 && !r.StdinEnded && (string(r.Method) == "POST" || string(r.Method) == "PUT" || string(r.Method) == "PATCH"):
					return Likely // it was answered before the body came
				}
				return when(Certain, r.Stdin > 0, r.ContentLength == 0 || r.ContentLength == -1)
			},
		},
		{
			ID: "D23", Key: "body-short-hang", Class: Mute,
			Symptom: "the request hangs until a timeout, and a worker with it",
			Wire:    "STDIN has ended with {stdin} bytes, CONTENT_LENGTH is {length}, and nothing comes",
			Cause:   "php-fpm waits for the rest of the body, and does not heed the end of STDIN",
			Check:   "CONTENT_LENGTH against the bytes of STDIN",
			Remedy:  "send CONTENT_LENGTH as it is; leave it out where there is no body",
			Match: func(f *Facts) Confidence {
				sure := Certain
				if f.Request.Stdin == 0 && f.Request.ContentLength > 0 {
					sure = Likely // php-fpm waits for the rest of what has begun
				}
				return when(sure, f.badLength(), f.Timeout || f.silent(), !f.Request.Complete)
			},
		},
		{
			ID: "D24", Key: "body-long-reset", Class: Broken,
			Symptom: "recv() failed (104) after a good answer; kept connections are lost",
			Wire:    "STDIN has {stdin} bytes, CONTENT_LENGTH is {length}, and {close}",
			Cause:   "php-fpm takes what is beyond CONTENT_LENGTH for the next record",
			Check:   "CONTENT_LENGTH against the bytes of STDIN",
			Remedy:  "send CONTENT_LENGTH as it is",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, f.Request.ContentLength > 0, f.Request.Stdin > f.Request.ContentLength, f.Close == flow.ResetByApp)
			},
		},
		{
			ID: "D25", Key: "status-404", Class: Negative,
			Symptom: "/status or /ping gives File not found.; an exporter says invalid character 'F'",
			Wire:    "status 404 for SCRIPT_NAME {name}, SCRIPT_FILENAME {script}",
			Cause:   "the pool has no pm.status_path or ping.path of that name, so php-fpm looks for a script",
			Check:   "the pool's configuration; SCRIPT_NAME has to be that path, and SCRIPT_FILENAME anything at all",
			Remedy:  "set pm.status_path = /status and ping.path = /ping in every pool, and reload php-fpm",
			Hint:    "php-fpm has no status or ping page {name}: set pm.status_path or ping.path in the pool, and reload it",
			Match:   func(f *Facts) Confidence { return when(Certain, f.statusPath(), f.unknownScript()) },
		},
		{
			ID: "D26", Key: "status-denied", Class: Negative,
			Symptom: "/status shows 403 Access denied.; an exporter says invalid character 'A'",
			Wire:    "status 403 for SCRIPT_NAME {name}, SCRIPT_FILENAME {script}",
			Cause:   "php-fpm has no page of that name, and security.limit_extensions denies the file that it took it for",
			Check:   "the pool's configuration: pm.status_path, ping.path",
			Remedy:  "set pm.status_path = /status and ping.path = /ping in every pool, and reload php-fpm",
			Hint:    "php-fpm has no status or ping page {name}: set pm.status_path or ping.path in the pool, and reload it",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.statusPath(), f.Request.Status == 403, f.says("security.limit_extensions") || bytes.HasPrefix(f.Body, []byte("Access denied")))
			},
		},
		{
			ID: "D27", Key: "redirect-lost", Class: Caution,
			Symptom: "login loops, or a blank page with status 200, behind Apache",
			Wire:    "Location without Status in the response header",
			Cause:   "Apache's mod_proxy_fcgi passes it on with status 200; nginx and lighttpd make it 302",
			Check:   "the response header",
			Remedy:  "let the application send Status: 302 Found too, as php-fpm does by itself",
			Match: func(f *Facts) Confidence {
				_, location := f.field("Location")
				_, status := f.field("Status")
				return when(Certain, f.Sent, location, !status, f.Request.Role != wire.Authorizer)
			},
		},
		{
			ID: "D28", Key: "ini-refused", Class: Caution,
			Symptom: "a setting has no effect",
			Wire:    "STDERR is {stderr}",
			Cause:   "php-fpm does not understand a directive in PHP_VALUE or PHP_ADMIN_VALUE, or may not change it",
			Check:   "the directive that STDERR names",
			Remedy:  "name = value, one in a line",
			Match:   func(f *Facts) Confidence { return when(Certain, f.says("Passing INI directive through FastCGI")) },
		},
		{
			ID: "D29", Key: "ini-leak", Class: Caution,
			Symptom: "another site suddenly has the settings of this one",
			Wire:    "the request has {sticky}",
			Cause:   "what {sticky} sets stays in the php-fpm worker, for later requests too",
			Check:   "whether every site of the pool sets the same",
			Remedy:  "set it for all sites or for none, or as php_admin_value in the configuration of the pool",
			Match:   func(f *Facts) Confidence { return when(Possible, f.Sent, sticky(f) != "") },
		},
	}
}

// says: STDERR holds the text.
func (f *Facts) says(text string) bool { return bytes.Contains(f.Stderr, []byte(text)) }

// unknownScript: php-fpm found no script.
func (f *Facts) unknownScript() bool {
	return f.Sent && f.Request.Status == 404 &&
		(f.says("Primary script unknown") || bytes.HasPrefix(f.Body, []byte("File not found.\n")) || string(f.Body) == "File not found.")
}

// statusPath: what is asked for is, by its name, a page of php-fpm itself.
func (f *Facts) statusPath() bool {
	switch name := path.Base(strings.ToLower(f.param("SCRIPT_NAME"))); name {
	case "status", "ping", "fpm-status", "fpm-ping", "fpm_status", "fpm_ping", "php-fpm-status", "php-fpm-ping", "healthz", "fpmstatus":
		return true
	}
	return false
}

// emptyPage: a complete answer that says nothing.
func (f *Facts) emptyPage() bool {
	return f.done() && f.Request.AppStatus == 0 && f.HeaderDone && f.Problem == cgi.OK && f.Request.Status == 200 &&
		f.BodyBytes == 0 && f.Request.Stderr == 0 && f.hasBody()
}

// displaysError: PHP writes its error into the page.
func (f *Facts) displaysError() bool {
	for _, begin := range []string{"Fatal error: ", "<b>Fatal error</b>: ", "Parse error: ", "<b>Parse error</b>: "} {
		if i := bytes.Index(f.Body, []byte(begin)); i >= 0 && i < 200 && bytes.Contains(f.Body[i:], []byte(" on line ")) {
			return true
		}
	}
	return false
}

// badLength: php-fpm will wait for more of the body than was sent.
func (f *Facts) badLength() bool {
	r := &f.Request
	return f.Sent && r.StdinEnded && (r.ContentLength > r.Stdin || r.ContentLength == -2)
}
