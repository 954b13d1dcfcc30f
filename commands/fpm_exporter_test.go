package commands

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestFpmExporter: a scrape over HTTP, what is told on stderr, and the end.
func TestFpmExporter(t *testing.T) {
	t.Parallel()
	addr, stopPeer, err := startPeer(badPeers["fpm-status"])
	if err != nil {
		t.Fatal(err)
	}
	defer stopPeer()
	socket := filepath.Join(wiretest.SocketDir(t), "http")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	env, _, stderr := testEnv("")
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, []string{"fcgiscope", "fpm", "exporter", "tcp://" + addr + "/status", "--scrape", "./none.sock", "--listen", socket}, env)
	}()
	get := func(path string) string {
		t.Helper()
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
				for ctx.Err() == nil { // until it listens
					if c, err = net.Dial("unix", socket); err == nil {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				return c, err
			},
		}}
		r, err := client.Get("http://localhost" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != 200 {
			t.Errorf("%s: %s, error %v", path, r.Status, err)
		}
		return string(b)
	}
	if got := get("/-/healthy"); got != "healthy\n" {
		t.Errorf("/-/healthy: %q", got)
	}
	for range 2 { // the second time nothing has changed, and nothing is told
		text := get("/metrics")
		for _, want := range []string{
			"phpfpm_up{pool=\"w\uFFFDww\",scrape_uri=\"tcp://" + addr + "/status\"} 1\n",
			"phpfpm_up{pool=\"\",scrape_uri=\"./none.sock\"} 0\n",
			"phpfpm_process_requests{child=\"0\",pool=\"w\uFFFDww\",scrape_uri=\"tcp://" + addr + "/status\"} 1000\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
	}
	interrupt()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
	said := stderr.String()
	for want, times := range map[string]int{
		"fcgiscope: metrics of tcp:" + addr + ", unix:./none.sock on unix:" + socket + ", /metrics\n": 1,
		"fcgiscope: tcp://" + addr + "/status: answers\n":                                             1,
		"fcgiscope: connect to unix:./none.sock: no such socket\n":                                    1,
	} {
		if strings.Count(said, want) != times {
			t.Errorf("stderr %s\nlacks %s", said, want)
		}
	}
}
