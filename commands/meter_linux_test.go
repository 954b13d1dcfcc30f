package commands

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// answersLate answers after a while, and sends its body in two parts.
func answersLate(c net.Conn, gone <-chan struct{}) {
	readRequest(c)
	pause := func() {
		select {
		case <-gone:
		case <-time.After(progressAfter + progressTick + progressTick/2):
		}
	}
	pause()
	_, _ = c.Write(out(stdout(okHeader + strings.Repeat("a line of the answer\n", 1000))))
	pause()
	_, _ = c.Write(out(stdout("the end\n"), wire.NewRecord(wire.TypeStdout, 1, nil), end(0, 0)))
}

// TestMeters: long work of which nothing else is seen is told of on a terminal,
// and leaves no trace there; it is not for those who want to see nothing.
func TestMeters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args     string
		redirect bool
		want     []string // in what the terminal got, in this order
	}{
		{"request PEER /a", false, []string{"waiting", "the end"}},
		{"request PEER /a -o DIR/body", false, []string{"waiting", "received 21000 bytes"}},
		{"request PEER /a", true, []string{"waiting, 1s", "received 21000 bytes"}},
		{"request PEER /a -s", true, nil},
		{"request PEER /a -v", true, []string{"> STDIN"}},
		{"replay CAPTURES/nginx-php-get.pcap PEER --loop 2 --ignore status --ignore body", true, []string{"50%", "requests"}},
		{"request PEER /a --repeat 2 -o /dev/null", false, []string{"50%", "(1/2, ", "requests"}},
		{"request PEER /a -o DIR/body -w status=%{http_code}", false, []string{"received 21000 bytes", "\rstatus=200"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			p := newInterruptPlace(t, &interruptible{args: tt.args, peer: answersLate})
			p.run = onTerminal(t, p.dir, tt.redirect, p.words(tt.args)...)
			if code := p.run.exit(); code != 0 && !strings.HasPrefix(tt.args, "replay") {
				t.Errorf("exit code %d", code)
			}
			p.run.slave.Close()
			<-p.run.read
			screen := p.run.screen.String()
			rest := screen
			for _, want := range tt.want {
				at := strings.Index(rest, want)
				if at < 0 {
					t.Fatalf("no %q, where it should be, in\n%q", want, screen)
				}
				rest = rest[at:]
			}
			if tt.want == nil && screen != "" {
				t.Errorf("%q is there", screen)
			}
			for line := range strings.SplitSeq(screen, "\n") {
				line = strings.TrimSuffix(line, "\r")
				if shown := strings.TrimSpace(line[strings.LastIndex(line, "\r")+1:]); strings.Contains(shown, "waiting") || strings.Contains(shown, "received") || strings.Contains(shown, "%") {
					t.Errorf("left on the screen: %q", shown)
				}
			}
		})
	}
}
