package commands

import (
	"net"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// longStatus is a pool with everything long and wide in it.
const longStatus = `{"pool":"a-pool-with-a-very-long-name-日本語の名前-e` + "\u0301e\u0301" + `","process manager":"dynamic","start time":1700000000,"start since":3723,` +
	`"accepted conn":1000000,"listen queue":7,"max listen queue":9,"listen queue len":511,"idle processes":0,"active processes":1,"total processes":1,` +
	`"max active processes":1,"max children reached":3,"slow requests":2, "processes":[{"pid":424242,"state":"Getting request informations","start time":1700000000,` +
	`"start since":3723,"requests":1000,"request duration":123456789,"request method":"PROPPATCH","request uri":"/a/very/long/path/日本語日本語日本語日本語/index.php?with=a&long=query-string-that-goes-on-and-on",` +
	`"content length":0,"user":"-","script":"/srv/www/a/very/long/path/to/the/scripts/index.php","last request cpu":12.50,"last request memory":2097152}]}`

// onTerminals are commands that print tables; PEER is an application that answers
// with longStatus.
var onTerminals = []struct {
	args string
	peer badPeer
	code int
	row  string // in the output, in 80 columns
	wide bool   // it has more columns than 40, and does not shorten numbers
}{
	{args: "fpm status PEER", row: "日本語の名前"},
	{args: "fpm status PEER --full", row: "with=a&long=qu"},
	{args: "fpm top PEER --count 1", row: "answers"},
	{args: "get-values app:echo", row: "takes 1024 connections at once"},
	{args: "request app:echo /a/long/path --explain-params", row: "SCRIPT_FILENAME"},
	{args: "request app:echo /a/long/path --as nginx --diff apache", row: "DOCUMENT_URI"},
	{args: "dump CAPTURES/nginx-php-concurrent.pcap -f table --no-totals", row: "END_REQUEST", wide: true},
	{args: "dump CAPTURES/nginx-php-concurrent.pcap -f diagram --no-totals", row: "END_REQUEST", wide: true},
	{args: "diagnose --log CAPTURES/text/rec-nginx-debug-log.txt", row: "fault"},
	{args: "rules", row: "pair-split"},
	{args: "serve --faults", row: "close-in-record"},
	{args: "diagnose --rules", row: "D13"},
}

// TestWidths: on a terminal no line of a table is wider than that, and nothing is
// lost; in a pipe nothing is broken.
func TestWidths(t *testing.T) {
	t.Parallel()
	status := func(c net.Conn, gone <-chan struct{}) {
		says(out(stdout("Content-Type: application/json\r\n\r\n"+longStatus), end(0, 0)))(c, gone)
	}
	for _, tt := range onTerminals {
		for _, columns := range []int{40, 80} {
			if tt.wide && columns == 40 {
				continue
			}
			t.Run(tt.args, func(t *testing.T) {
				t.Parallel()
				p := newInterruptPlace(t, &interruptible{args: tt.args, peer: status})
				p.run = onTerminalOf(t, columns, p.dir, false, p.words(tt.args)...)
				if code := p.run.exit(); code != tt.code {
					t.Errorf("exit code %d, want %d", code, tt.code)
				}
				p.run.slave.Close()
				<-p.run.read
				printed := escapes.ReplaceAllString(p.run.printed(), "")
				for line := range strings.Lines(printed) {
					if n := pretty.Columns(strings.TrimSuffix(line, "\n")); n > columns {
						t.Errorf("%d columns, %d are there: %s", n, columns, line)
					}
				}
				if columns == 80 && !strings.Contains(printed, tt.row) {
					t.Errorf("no %q in\n%s", tt.row, printed)
				}
			})
		}
	}
}
