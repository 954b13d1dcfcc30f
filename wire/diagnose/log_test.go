package diagnose

import (
	"strings"
	"testing"
)

// TestLog: lines as the programs write them.
func TestLog(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, program, id string }{
		{`2026/11/21 14:00:00 [crit] 1#1: *1 connect() to unix:/run/php.sock failed (2: No such file or directory) while connecting to upstream, client: 127.0.0.1`, "nginx", "D01"},
		{`[crit] 1#1: *1 connect() to unix:/run/php.sock failed (13: Permission denied) while connecting to upstream`, "nginx", "D02"},
		{`[error] 1#1: *1 connect() failed (111: Connection refused) while connecting to upstream`, "nginx", "D03"},
		{`[error] 1#1: *1 connect() to unix:/run/php.sock failed (11: Resource temporarily unavailable) while connecting to upstream`, "nginx", "D04"},
		{`[error] 1#1: *1 upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream`, "nginx", "D07"},
		{`[error] 1#1: *1 FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream`, "", "D13"},
		{`[error] 1#1: *1 FastCGI sent in stderr: "PHP message: PHP Fatal error:  Uncaught Exception: x in /srv/a.php:3"`, "", "D18"},
		{`[error] 1#1: *1 upstream timed out (110: Connection timed out) while reading response header from upstream`, "nginx", "D33"},
		{`[error] 1#1: *1 upstream timed out (110: Connection timed out) while reading upstream`, "nginx", "D34"},
		{`[error] 1#1: *1 recv() failed (104: Connection reset by peer) while reading response header from upstream`, "nginx", "D31"},
		{`[Sat Nov 21 14:00:00 2026] [proxy:error] [pid 1:tid 2] (2)No such file or directory: AH02454: FCGI: attempt to connect to Unix domain socket /run/php.sock (*) failed`, "Apache", "D01"},
		{`[proxy_fcgi:error] [pid 1] [client 127.0.0.1:1] AH01071: Got error 'Primary script unknown'`, "", "D13"},
		{`[proxy_fcgi:error] [pid 1] (70007)The timeout specified has expired: [client 127.0.0.1:1] AH01075: Error dispatching request to : (polling)`, "Apache", "D33"},
		{`2026-11-21 14:00:00: (gw_backend.c.315) unexpected end-of-file (perhaps the fastcgi process died): pid: 0 socket: unix:/run/a.sock`, "lighttpd", "D30"},
		{`[21-Nov-2026 14:00:00] WARNING: [pool www] server reached pm.max_children setting (5), consider raising it`, "php-fpm", "D05"},
		{`[21-Nov-2026 14:00:00] WARNING: [pool www] child 12 exited on signal 11 (SIGSEGV) after 3.1 seconds from start`, "php-fpm", "D30"},
		{`[21-Nov-2026 14:00:00] NOTICE: fpm is running, pid 1`, "", ""},
		{``, "", ""},
	}
	for _, tt := range tests {
		got, ok := Log(tt.line)
		if ok != (tt.id != "") || got.Program != tt.program || ok && got.IDs[0] != tt.id {
			t.Errorf("%s: got %+v", tt.line, got)
		}
	}
	for _, e := range logEntries {
		if got, ok := Log(strings.Join(e.texts, "…")); !ok || strings.Join(got.IDs, " ") != e.ids {
			t.Errorf("%q is not reached: it reads as %v", e.texts, got.IDs)
		}
		for id := range strings.FieldsSeq(e.ids) {
			if Lookup(id) == nil {
				t.Errorf("%q names %s", e.texts, id)
			}
		}
	}
}
