package commands

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// connectionsTo counts the connections that the application at a, on this
// machine, has taken, and those that wait for it, by the tables in /proc/net.
// What cannot be read counts as none.
func connectionsTo(a transport.Addr) (taken, waiting int) {
	if a.Network == "unix" {
		return unixConnections(a.Address)
	}
	_, port, ok := cutLast(a.Address, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if a.Network != "tcp" || !ok || err != nil {
		return 0, 0
	}
	suffix := ":" + strings.ToUpper(strconv.FormatUint(0x10000|n, 16)[1:])
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		eachLine(table, func(fields []string) {
			// sl local remote state tx:rx …
			if len(fields) < 5 || !strings.HasSuffix(fields[1], suffix) {
				return
			}
			switch fields[3] {
			case "01", "08": // ESTABLISHED, CLOSE_WAIT: not accepted ones, too
				taken++
			case "0A": // LISTEN: the bytes to read are connections
				_, rx, _ := strings.Cut(fields[4], ":")
				if queue, err := strconv.ParseUint(rx, 16, 32); err == nil {
					waiting += int(queue)
				}
			}
		})
	}
	return max(0, taken-waiting), waiting
}

// unixConnections counts the sockets of a path: St is 03 for a connection that
// was taken and 02 for one that waits. The last field is the path.
func unixConnections(path string) (taken, waiting int) {
	eachLine("/proc/net/unix", func(fields []string) {
		if len(fields) < 8 || fields[7] != path {
			return
		}
		switch fields[5] {
		case "03":
			taken++
		case "02":
			waiting++
		}
	})
	return taken, waiting
}

// eachLine calls f with the fields of every line but the first.
func eachLine(name string, f func(fields []string)) {
	file, err := os.Open(name)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	for lines.Scan() {
		f(slices.Collect(strings.FieldsSeq(lines.Text())))
	}
}

// cutLast cuts s at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
