package diagnose

import "strings"

// A LogEntry is what a line of an error log says.
type LogEntry struct {
	Program string   // that wrote it: nginx, Apache, lighttpd, php-fpm; "" where the text does not tell
	Text    string   // by which the line was known
	IDs     []string // the faults that it is a sign of, the usual one first
}

// logEntries are the lines that are known, the more specific before the
// others. All of the texts of a row have to be in the line, in their order.
var logEntries = []struct {
	program string
	texts   []string
	ids     string
}{
	// What an application writes to STDERR is quoted by all web servers.
	{"", []string{"Primary script unknown"}, "D13 D25"},
	{"", []string{"has been denied (see security.limit_extensions)"}, "D15 D26"},
	{"", []string{"Unable to open primary script"}, "D16"},
	{"", []string{"Passing INI directive through FastCGI"}, "D28"},
	{"", []string{"PHP Fatal error"}, "D18"},
	{"", []string{"PHP Parse error"}, "D18"},
	{"", []string{"No input file specified"}, "D14"},

	{"nginx", []string{"connect() to unix:", "failed (2:"}, "D01"},
	{"nginx", []string{"connect() to unix:", "failed (13:"}, "D02"},
	{"nginx", []string{"connect() to unix:", "failed (11:"}, "D04"},
	{"nginx", []string{"connect() ", "failed (111:"}, "D03"},
	{"nginx", []string{"connect() ", "failed (110:"}, "D04"},
	{"nginx", []string{"upstream timed out", "while connecting to upstream"}, "D04"},
	{"nginx", []string{"upstream sent unsupported FastCGI protocol version:"}, "D07 D09"},
	{"nginx", []string{"upstream sent unexpected FastCGI record: 3"}, "D39"},
	{"nginx", []string{"upstream sent unexpected FastCGI request id"}, "D40"},
	{"nginx", []string{"upstream sent invalid FastCGI record type:"}, "D09"},
	{"nginx", []string{"upstream prematurely closed connection while reading response header"}, "D30 D12 D10"},
	{"nginx", []string{"upstream prematurely closed connection while reading upstream"}, "D32"},
	{"nginx", []string{"upstream prematurely closed FastCGI stdout"}, "D38"},
	{"nginx", []string{"upstream prematurely closed FastCGI request"}, "D42"},
	{"nginx", []string{"recv() failed (104:"}, "D31 D19 D20 D12"},
	{"nginx", []string{"upstream timed out (110:", "while reading response header"}, "D33 D05 D06 D23"},
	{"nginx", []string{"upstream timed out (110:", "while reading upstream"}, "D34"},
	{"nginx", []string{"upstream sent too big header"}, "D35"},
	{"nginx", []string{"upstream sent invalid header"}, "D37"},
	{"nginx", []string{"upstream sent invalid status"}, "D37"},
	{"nginx", []string{"upstream sent more data than specified in \"Content-Length\""}, "D42"},
	{"nginx", []string{"fastcgi request record is too big"}, "D19"},

	{"Apache", []string{"(2)No such file or directory", "AH02454"}, "D01"},
	{"Apache", []string{"(13)Permission denied", "AH02454"}, "D02"},
	{"Apache", []string{"(111)Connection refused", "AH02454"}, "D03"},
	{"Apache", []string{"(11)Resource temporarily unavailable", "AH02454"}, "D04"},
	{"Apache", []string{"AH01079"}, "D03"},
	{"Apache", []string{"AH01067"}, "D30"},
	{"Apache", []string{"AH01068"}, "D07 D09"},
	{"Apache", []string{"AH01069"}, "D40"},
	{"Apache", []string{"AH01070"}, "D37 D36"},
	{"Apache", []string{"AH01075", "(70007)"}, "D33 D05 D06 D23"},
	{"Apache", []string{"(70007)", "AH01075"}, "D33 D05 D06 D23"},
	{"Apache", []string{"AH01075"}, "D30 D32 D33"},

	{"lighttpd", []string{"unexpected end-of-file (perhaps the fastcgi process died)"}, "D30 D07"},
	{"lighttpd", []string{"response already sent out, but backend returned error"}, "D32"},
	{"lighttpd", []string{"connect", "No such file or directory"}, "D01"},
	{"lighttpd", []string{"connect", "Permission denied"}, "D02"},
	{"lighttpd", []string{"connect failed", "Connection refused"}, "D03"},
	{"lighttpd", []string{"establishing connection failed", "Connection refused"}, "D03"},

	{"php-fpm", []string{"server reached pm.max_children"}, "D05 D06"},
	{"php-fpm", []string{"server reached max_children"}, "D05 D06"},
	{"php-fpm", []string{"seems busy (you may need to increase"}, "D05"},
	{"php-fpm", []string{"exited on signal"}, "D30 D32"},
	{"php-fpm", []string{"execution timed out (", "terminating"}, "D30"},
	{"php-fpm", []string{"executing too slow (", "logging"}, "D33"},
	{"php-fpm", []string{"Connection disallowed: IP address"}, "D10"},
	{"php-fpm", []string{"Wrong IP address"}, "D10"},
}

// Log says what a line of an error log of nginx, Apache, lighttpd or php-fpm is
// a sign of, and whether it is one at all.
func Log(line string) (LogEntry, bool) {
	for _, e := range logEntries {
		if inOrder(line, e.texts) {
			return LogEntry{e.program, strings.Join(e.texts, " … "), strings.Fields(e.ids)}, true
		}
	}
	return LogEntry{}, false
}

// inOrder reports whether all texts are in the line, one behind the other.
func inOrder(line string, texts []string) bool {
	for _, text := range texts {
		_, rest, found := strings.Cut(line, text)
		if !found {
			return false
		}
		line = rest
	}
	return true
}
