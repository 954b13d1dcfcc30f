package commands

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// An interruptible is a command that is at work until somebody ends it.
type interruptible struct {
	name string
	// args are its words, separated by spaces: DIR is where it runs, PEER an
	// application of the kind of peer, and CAPTURES the fixtures.
	args     string
	peer     badPeer
	redirect bool // standard output is a pipe
	// busy waits until it is at work, and may set that going.
	busy  func(p *interruptPlace)
	code  int      // at the end
	keeps []string // files that it may leave, beside those that were there
	// termed is the exit code after SIGTERM, if it is another one.
	termed int
	// twice: it lets what has begun end, so it takes a second interrupt.
	twice bool
	keys  string // that end it, in place of Ctrl-C
	skip  func(t *testing.T)
}

// asked waits until the peer was asked so many times.
func asked(times int) func(*interruptPlace) {
	return func(p *interruptPlace) {
		p.t.Helper()
		for range times {
			select {
			case <-p.asked:
			case <-time.After(20 * time.Second):
				p.t.Fatalf("the application was not asked %d times:\n%s", times, p.run.printed())
			}
		}
	}
}

// shows waits until text is printed.
func shows(text string) func(*interruptPlace) {
	return func(p *interruptPlace) {
		p.t.Helper()
		p.run.shows(text)
	}
}

// after does several things.
func after(steps ...func(*interruptPlace)) func(*interruptPlace) {
	return func(p *interruptPlace) {
		p.t.Helper()
		for _, step := range steps {
			step(p)
		}
	}
}

// askIt begins a request at the socket in DIR that is not ended.
func askIt(p *interruptPlace) {
	c := dialServe(p.t, filepath.Join(p.dir, "socket"))
	c.begin(1, wire.KeepConn, "REQUEST_METHOD=POST", "REQUEST_URI=/begun")
	c.values() // it has seen that
}

// begins is askIt for what passes a request on.
func begins(p *interruptPlace) {
	c := dialServe(p.t, filepath.Join(p.dir, "socket"))
	c.begin(1, wire.KeepConn, "REQUEST_METHOD=POST", "REQUEST_URI=/begun")
	c.send(wire.NewRecord(wire.TypeStdin, 1, nil))
}

// browses asks the gateway, whose address it prints, for a page.
func browses(p *interruptPlace) {
	p.run.shows("http://")
	url := regexp.MustCompile(`http://\S+`).FindString(p.run.printed())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if answer, err := http.Get(url + "/page"); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
	}()
	p.t.Cleanup(func() { <-done })
}

// feeds opens the named pipe DIR/fifo, when it is read, writes text and leaves it open.
func feeds(text string) func(*interruptPlace) {
	return func(p *interruptPlace) {
		p.t.Helper()
		opened := make(chan *os.File, 1)
		go func() {
			f, err := os.OpenFile(filepath.Join(p.dir, "fifo"), os.O_WRONLY, 0)
			if err != nil {
				p.t.Error(err)
			}
			opened <- f
		}()
		select {
		case f := <-opened:
			p.t.Cleanup(func() { f.Close() })
			_, _ = f.WriteString(text)
		case <-time.After(20 * time.Second):
			// Whoever waits for a reader gets one.
			if f, err := os.OpenFile(filepath.Join(p.dir, "fifo"), os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
				defer f.Close()
				(<-opened).Close()
			}
			p.t.Fatalf("nobody reads the named pipe:\n%s", p.run.printed())
		}
	}
}

// deaf reads the first record of a request, and then no more.
func deaf(c net.Conn, gone <-chan struct{}) {
	_, _ = wire.NewReader(c).ReadRecord()
	<-gone
}

// begun is a text form that is not over.
const begun = "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1 REQUEST_METHOD=GET REQUEST_URI=/one\n> PARAMS id=1\n" +
	"> STDIN id=1\n< STDOUT id=1 \"Status: 200 OK\\r\\n\\r\\nok\"\n< STDOUT id=1\n< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n"

// needFPM skips the test, or fails it, where there is no php-fpm.
func needFPM(t *testing.T) { wiretest.RealPeer(t, "php-fpm") }

var interruptibles = []interruptible{
	{name: "request that waits", args: "request PEER /a", peer: stays(nil), busy: asked(1), code: 130},
	{name: "request in the middle of the answer", args: "request PEER /a", peer: stays(out(stdout(okHeader + "half of a li"))), busy: shows("half of a li"), code: 130},
	{name: "request in the middle of a file", args: "request PEER /a -o DIR/body", peer: stays(out(stdout(okHeader + "half of a li"))), busy: asked(1), code: 130, keeps: []string{"body"}},
	{name: "request -v", args: "request PEER /a -v --record DIR/kept.pcapng", peer: stays(nil), busy: asked(1), code: 130, keeps: []string{"kept.pcapng"}},
	{name: "request jsonl", args: "request PEER /a --format jsonl", peer: stays(out(stdout(okHeader + "half"))), busy: shows(`"STDOUT"`), code: 130},
	{name: "request that uploads", args: "request PEER /a -T DIR/large", peer: deaf, busy: asked(1), code: 130},
	{name: "request that reads its body", args: "request PEER /a --data-binary @DIR/fifo", peer: stays(nil), busy: feeds("begin"), code: 130},
	{name: "request --repeat", args: "request PEER /a --repeat 100000000", peer: says(out(stdout(okHeader+"ok\n"), end(0, 0))), busy: asked(3), code: 130},
	{name: "request --mux", args: "request PEER /a --mux 3", peer: stays(nil), busy: asked(1), code: 130},
	{name: "request --retry", args: "request DIR/nobody /a --retry 9 --retry-connrefused --retry-delay 600", busy: shows("trying again"), code: 130},
	{name: "request exec:", args: "request 'exec:sleep 1000' /a -v", busy: shows("STDIN"), code: 130},
	{name: "get-values", args: "get-values PEER --timeout 0 -m 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "get-values --verify", args: "get-values 'exec:sleep 1000' --verify --timeout 0 -m 0 -v", busy: shows("GET_VALUES"), code: 130},
	{name: "send", args: "send PEER DIR/ping.txt --wait 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "send that reads", args: "send PEER DIR/fifo", peer: stays(nil), busy: feeds(begun), code: 130},
	{name: "send --delay", args: "send PEER DIR/ping.txt --delay 600 --record DIR/kept.pcapng", peer: stays(nil), busy: shows("BEGIN_REQUEST"), code: 130, keeps: []string{"kept.pcapng"}},
	{name: "dump of a named pipe", args: "dump DIR/fifo -f jsonl --record DIR/kept.pcapng", busy: after(feeds(begun), shows(`"STDOUT"`)), code: 130, keeps: []string{"kept.pcapng"}},
	{name: "dump of a pipe nobody writes to", args: "dump DIR/fifo", busy: feeds(""), code: 130},
	{name: "dump of what is typed", args: "dump -", busy: func(p *interruptPlace) { p.run.typed(begun); p.run.shows("STDOUT") }, code: 130},
	{name: "dump of a large file", args: "dump DIR/huge -f summary", redirect: true, busy: shows("%"), code: 130},
	{name: "dump of an interface", args: "dump --interface lo --port 65432 --record DIR/kept.pcapng", busy: shows("capturing on lo"), code: 0, skip: needCapture},
	{name: "tap", args: "tap -l DIR/socket --to PEER --record DIR/kept.pcapng", peer: stays(nil), busy: shows("tapping"), code: 0, keeps: []string{"kept.pcapng"}},
	{name: "tap at work", args: "tap -l DIR/socket --to PEER --drain 600 --record DIR/kept.pcapng -f jsonl", peer: stays(nil), busy: after(shows("tapping"), begins, shows(`"STDIN"`)), code: 0, keeps: []string{"kept.pcapng"}, twice: true},
	{name: "tap --takeover", args: "tap --takeover DIR/app", peer: nil, busy: shows("tapping"), code: 0, keeps: []string{"app"}},
	{name: "replay", args: "replay CAPTURES/nginx-php-get.pcap PEER", peer: stays(nil), busy: asked(1), code: 130},
	{name: "replay --loop", args: "replay CAPTURES/nginx-php-get.pcap PEER --loop 0 --record DIR/kept.pcapng -f jsonl", peer: says(out(stdout(okHeader+"ok\n"), end(0, 0))), busy: asked(3), code: 3, keeps: []string{"kept.pcapng"}},
	{name: "replay --paced", args: "replay DIR/slow.txt PEER --paced", peer: says(out(stdout(okHeader+"ok\n"), end(0, 0))), busy: asked(1), code: 130},
	{name: "replay --check", args: "replay --check DIR/check.txtar PEER", peer: stays(nil), busy: asked(1), code: 130},
	{name: "replay --listen", args: "replay CAPTURES/nginx-php-get.pcap --listen DIR/socket", busy: shows("serving"), code: 0},
	{name: "serve", args: "serve echo -l DIR/socket", busy: shows("serving"), code: 0},
	{name: "serve at work", args: "serve echo -l DIR/socket -f jsonl --record DIR/kept.pcapng", busy: after(shows("serving"), askIt), code: 130, keeps: []string{"kept.pcapng"}, twice: true},
	{name: "serve exec at work", args: "serve exec DIR/hangs --program-timeout 0 -l DIR/socket", busy: after(shows("serving"), begins, func(p *interruptPlace) {
		wiretest.Eventually(p.t, "the program runs", func() bool { _, err := os.Stat(filepath.Join(p.dir, "runs")); return err == nil })
	}), code: 130, keeps: []string{"runs"}, twice: true},
	{name: "gateway", args: "gateway PEER -l 127.0.0.1:0", peer: stays(nil), busy: shows("serving"), code: 0},
	{name: "gateway at work", args: "gateway PEER -l 127.0.0.1:0 --drain 600 --record DIR/kept.pcapng --format jsonl", peer: stays(nil), busy: after(browses, asked(1)), code: 130, keeps: []string{"kept.pcapng"}, twice: true},
	{name: "gateway exec:", args: "gateway 'exec:sleep 1000' -l 127.0.0.1:0", busy: shows("serving"), code: 0},
	{name: "gateway --spawn", args: "gateway DIR/socket --spawn 'fcgiscope serve echo -l DIR/socket' -l 127.0.0.1:0", busy: shows("http://"), code: 0},
	{name: "gateway --php", args: "gateway --php DIR -l 127.0.0.1:0", skip: needFPM, busy: shows("php-fpm (process"), code: 0},
	{name: "fpm ping", args: "fpm ping PEER --timeout 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "fpm status", args: "fpm status PEER --timeout 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "fpm check", args: "fpm check PEER --timeout 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "fpm check --nagios", args: "fpm check PEER --timeout 0 --nagios", peer: stays(nil), busy: asked(1), code: 3},
	{name: "fpm top", args: "fpm top PEER", peer: badPeers["fpm-status"], busy: shows("Running"), code: 0},
	{name: "fpm top of who is silent", args: "fpm top PEER --timeout 0", peer: stays(nil), busy: asked(1), code: 0},
	{name: "fpm top without a terminal", args: "fpm top PEER", redirect: true, peer: badPeers["fpm-status"], busy: shows("answers"), code: 0},
	{name: "fpm exporter", args: "fpm exporter PEER --listen DIR/socket", peer: stays(nil), busy: shows("metrics of"), code: 0},
	{name: "diagnose", args: "diagnose PEER /a --root /srv --timeout 0 -m 0", peer: stays(nil), busy: asked(1), code: 130},
	{name: "diagnose exec:", args: "diagnose 'exec:sleep 1000' --timeout 0 -m 0", busy: shows("ping"), code: 130},
	{name: "diagnose --log", args: "diagnose --log DIR/fifo", busy: feeds("nothing\n"), code: 130},
	{name: "diagnose --capture", args: "diagnose --capture DIR/fifo", busy: feeds(begun), code: 130},
	{name: "shell", args: "shell PEER --record DIR/kept.pcapng", peer: stays(nil), busy: shows("> "), code: 0, termed: 130, keys: "\x04", keeps: []string{".local", "kept.pcapng"}},
	{name: "shell exec:", args: "shell 'exec:sleep 1000'", busy: shows("> "), code: 0, termed: 130, keys: "\x04", keeps: []string{".local", "kept.pcapng"}},
	{name: "shell with a script", args: "shell PEER -c 'begin 1' -c 'params 1 A=b' -c 'params 1' -c 'stdin 1' -c wait --timeout 0", peer: stays(nil), busy: asked(1), code: 130},
}

// TestInterruptedEverywhere: whatever is at work ends in an orderly way when
// somebody presses Ctrl-C, sends SIGTERM, or closes the terminal: the exit code
// is what the help says, the terminal is as it was, the output ends with a whole
// line, and no process, socket or temporary file is left.
func TestInterruptedEverywhere(t *testing.T) {
	t.Parallel()
	for _, row := range interruptibles {
		for _, way := range []string{ctrlCKey, "SIGTERM", hangUp} {
			t.Run(row.name+" "+way, func(t *testing.T) {
				t.Parallel()
				testInterrupted(t, row, way)
			})
		}
	}
}

const (
	ctrlCKey = "Ctrl-C"
	hangUp   = "hang-up" // the terminal is closed
)

func testInterrupted(t *testing.T, row interruptible, way string) {
	if row.skip != nil {
		row.skip(t)
	}
	p := newInterruptPlace(t, &row)
	may := map[string]bool{}
	for _, name := range append(p.files(), row.keeps...) {
		may[name] = true
	}
	p.run = onTerminal(t, p.dir, row.redirect, p.words(row.args)...)
	row.busy(p)
	p.run.watches()
	p.interrupt(way, &row)
	if row.twice {
		defer insist(func() { p.interrupt(strings.Replace(way, hangUp, "SIGTERM", 1), &row) })()
	}
	code := p.run.exit()
	switch {
	case way == hangUp: // nobody sees what it printed, and it could not print all
		if code > 128 && code != 130 {
			t.Errorf("exit code %d", code)
		}
	case way == "SIGTERM" && row.termed != 0:
		if code != row.termed {
			t.Errorf("exit code %d, want %d", code, row.termed)
		}
	case code != row.code:
		t.Errorf("exit code %d, want %d", code, row.code)
	}
	wrong := p.run.leaves(may, way == hangUp)
	if way != hangUp {
		wrong = append(wrong, incomplete(p.run.printed())...)
	}
	if len(wrong) > 0 || t.Failed() {
		t.Errorf("%s; it printed:\n%.3000s", strings.Join(wrong, "; "), p.run.printed())
	}
	p.checkRecording()
}

// interrupt wants the program to end.
func (p *interruptPlace) interrupt(way string, row *interruptible) {
	switch {
	case way == "SIGTERM":
		_ = p.run.cmd.Process.Signal(syscall.SIGTERM)
	case way == hangUp:
		p.run.master.Close()
	case row.keys != "":
		_, _ = p.run.master.WriteString(row.keys)
	default:
		_, _ = p.run.master.WriteString("\x03")
	}
}

// escapes are what a terminal does not show.
var escapes = regexp.MustCompile(`\r|\x1b\[[?0-9;]*[a-zA-Z]`)

// incomplete returns what is missing of what was printed: the end of its last
// line, or of an object.
func incomplete(printed string) (wrong []string) {
	whole := strings.HasSuffix(printed, "\x1b[?1049l") // it was on a screen of its own
	if printed = escapes.ReplaceAllString(printed, ""); printed != "" && !strings.HasSuffix(printed, "\n") && !whole {
		wrong = append(wrong, "the last line is not ended")
	}
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			wrong = append(wrong, "this is no JSON: "+line)
		}
	}
	return wrong
}

// checkRecording reads what was recorded.
func (p *interruptPlace) checkRecording() {
	p.t.Helper()
	name := filepath.Join(p.dir, "kept.pcapng")
	if _, err := os.Stat(name); err != nil {
		return
	}
	got := runMain(p.t, "", "dump", name)
	if strings.Contains(got.stderr, ": no FastCGI") { // there was none by then
		return
	}
	if got.code != 0 || got.stdout == "" || got.stderr != "" {
		p.t.Errorf("the recording: exit code %d, %q, %s", got.code, got.stdout, got.stderr)
	}
}
