package commands

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// nobodyReads are commands whose output nobody reads, as with | head -0. Words
// are as in interruptible.
var nobodyReads = []struct {
	args string
	peer badPeer
}{
	{args: "rules nph"},
	{args: "request app:echo /a"},
	{args: "request app:echo /a -i -v"},
	{args: "request app:echo /a --format jsonl"},
	{args: "request app:echo /a -w %{json}"},
	{args: "request app:big /?bytes=10000000"},
	{args: "request app:echo /a --repeat 1000"},
	{args: "request app:echo /a --mux 3"},
	{args: "request app:echo /a --offline"},
	{args: "request app:echo /a --export curl"},
	{args: "request app:echo /a --explain-params"},
	{args: "request app:echo /a --diff nginx"},
	{args: "get-values app:echo"},
	{args: "get-values app:echo --format jsonl"},
	{args: "send app:echo DIR/ping.txt --wait 0.1"},
	{args: "shell app:echo -c 'begin 1; params 1 A=b; params 1; stdin 1; wait'"},
	{args: "dump CAPTURES/nginx-php-concurrent.pcap"},
	{args: "dump CAPTURES/nginx-php-concurrent.pcap -f table"},
	{args: "dump CAPTURES/nginx-php-concurrent.pcap -f diagram --totals"},
	{args: "dump CAPTURES/nginx-php-post-200k.pcap -f raw"},
	{args: "replay CAPTURES/nginx-php-get.pcap app:echo"},
	{args: "replay CAPTURES/nginx-php-get.pcap app:echo -f junit"},
	{args: "replay CAPTURES/nginx-php-get.pcap app:echo -f jsonl --loop 0"},
	{args: "fpm ping PEER", peer: badPeers["fpm-ping"]},
	{args: "fpm status PEER", peer: badPeers["fpm-status"]},
	{args: "fpm status PEER --format prometheus", peer: badPeers["fpm-status"]},
	{args: "fpm check PEER -v", peer: badPeers["fpm-status"]},
	{args: "fpm check PEER --nagios", peer: badPeers["fpm-status"]},
	{args: "fpm top PEER", peer: badPeers["fpm-status"]},
	{args: "diagnose PEER", peer: badPeers["fpm-status"]},
	{args: "diagnose PEER --format json", peer: badPeers["fpm-status"]},
	{args: "diagnose --rules"},
	{args: "diagnose --rule D13"},
	{args: "diagnose --log CAPTURES/text/rec-nginx-debug-log.txt"},
	{args: "diagnose --capture CAPTURES/nginx-php-get.pcap"},
	{args: "serve --faults"},
	{args: "explain"},
	{args: "explain REQUEST_URI"},
	{args: "explain GET_VALUES --example"},
	{args: "rules"},
	{args: "rules -f jsonl"},
	{args: "completion bash"},
	{args: "version"},
}

// trafficGoesOn are commands whose output nobody reads, and that do their work
// all the same until they are ended.
var trafficGoesOn = []string{
	"serve echo -l DIR/socket",
	"serve echo -l DIR/socket -f jsonl -v",
	"tap -l DIR/socket --to DIR/app",
	"tap -l DIR/socket --to DIR/app -f text --record DIR/kept.pcapng",
	"gateway DIR/app -l DIR/socket",
	"replay CAPTURES/nginx-php-get.pcap --listen DIR/socket",
	"fpm exporter DIR/app --listen DIR/socket",
}

// readerless runs the program, whose standard output nobody reads.
func readerless(t *testing.T, dir string, words []string) (cmd *exec.Cmd, stderr *wiretest.Buffer) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	stderr = &wiretest.Buffer{}
	cmd = exec.CommandContext(ctx, "fcgiscope", words...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir, "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = writer, stderr, 10*time.Second
	err = cmd.Start()
	t.Cleanup(func() {
		cancel()
		if cmd.ProcessState == nil {
			_ = cmd.Wait()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd, stderr
}

// complains reports whether stderr holds what nobody wants to know.
func complains(stderr string) bool {
	for _, word := range []string{"pipe", "goroutine", "panic", "write", "interrupted"} {
		if strings.Contains(stderr, word) {
			return true
		}
	}
	return false
}

// TestNobodyReads: what `| head` does to every command: it ends, quietly and
// well.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tt := range nobodyReads {
		seen[firstWord(tt.args)] = true
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			p := newInterruptPlace(t, &interruptible{args: tt.args, peer: tt.peer})
			cmd, stderr := readerless(t, p.dir, p.words(tt.args))
			var exit *exec.ExitError
			err := cmd.Wait()
			if errors.As(err, &exit) && soonOver(firstWord(tt.args)) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGPIPE {
				err = nil // it printed before signals were watched, as cat does
			}
			if err != nil || complains(stderr.String()) {
				t.Errorf("%v, want exit code 0, stderr:\n%s", err, stderr)
			}
		})
	}
	for _, args := range trafficGoesOn {
		seen[firstWord(args)] = true
	}
	eachCommand(newTestApp(), func(c *cli.Command) {
		if name := wordsOf(c); len(c.Subcommands) == 0 && !seen[firstWord(name)] {
			t.Errorf("%s is not tried", name)
		}
	})
}

func firstWord(args string) string {
	word, _, _ := strings.Cut(args, " ")
	return word
}

// TestTrafficGoesOn: where nobody reads what is printed, a server serves all
// the same, and ends well.
func TestTrafficGoesOn(t *testing.T) {
	t.Parallel()
	for _, args := range trafficGoesOn {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			p := newInterruptPlace(t, &interruptible{args: strings.ReplaceAll(args, "DIR/app", "")})
			if strings.Contains(args, "DIR/app") {
				startServe(t, "hello", "--listen", filepath.Join(p.dir, "app"))
			}
			cmd, stderr := readerless(t, p.dir, p.words(args))
			socket := filepath.Join(p.dir, "socket")
			wiretest.Eventually(t, "it listens", func() bool { _, err := os.Stat(socket); return err == nil })
			for range 3 {
				if !strings.HasPrefix(args, "gateway") && !strings.HasPrefix(args, "fpm exporter") {
					got := runMain(t, "", "request", socket, "/hello.php?x=1&y=two%20words")
					if got.code != 0 || got.stdout == "" {
						t.Errorf("exit code %d, %q, %s", got.code, got.stdout, got.stderr)
					}
					continue
				}
				web := http.Client{Transport: &http.Transport{
					DisableKeepAlives: true,
					DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) },
				}}
				answer, err := web.Get("http://localhost/metrics")
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					t.Error(answer.Status)
				}
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil || strings.Contains(stderr.String(), "goroutine") {
				t.Errorf("%v, stderr:\n%s", err, stderr)
			}
			if _, err := os.Stat(socket); !os.IsNotExist(err) {
				t.Errorf("the socket: %v", err)
			}
		})
	}
}
