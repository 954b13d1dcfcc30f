package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
)

// echoSum answers with the size and a sum of the body.
func echoSum(_ context.Context, x *server.Exchange) {
	h := sha256.New()
	n, _ := io.Copy(h, x.Stdin)
	fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%s %d %x", x.Param("CONTENT_LENGTH"), n, h.Sum(nil))
}

// TestBodies: every way a body can come, of every size, over HTTP/1.1 and 2.
func TestBodies(t *testing.T) {
	t.Parallel()
	url, _ := front(t, &App{Pool: serveApp(t, echoSum)})
	h2 := h2Transport(t)
	for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, memoryBody, memoryBody + 1, 3 << 20} {
		text := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		want := fmt.Sprintf("%d %d %x", size, size, sha256.Sum256(text))
		for name, transport := range map[string]http.RoundTripper{"HTTP/1.1": http.DefaultTransport, "HTTP/2.0": h2} {
			for _, chunked := range []bool{false, true} {
				var body io.Reader = bytes.NewReader(text)
				if chunked {
					body = io.MultiReader(body) // of a size that nobody knows
				}
				req, err := http.NewRequest("POST", url, body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(got) != want || err != nil || resp.Proto != name {
					t.Errorf("%s, %d bytes, chunked %v: %q, error %v, want %q", resp.Proto, size, chunked, got, err, want)
				}
			}
		}
	}
}

// TestMaxBody: neither a size that is told nor one that comes out passes.
func TestMaxBody(t *testing.T) {
	t.Parallel()
	url, done := front(t, &App{Pool: serveApp(t, echoSum), MaxBody: 1000})
	for size, want := range map[int]int{1000: 200, 1001: 413, 1 << 20: 413} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(strings.Repeat("x", size))
			if chunked {
				body = io.MultiReader(body)
			}
			resp, err := http.Post(url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if x := <-done; resp.StatusCode != want || x.Asked != (want == 200) {
				t.Errorf("%d bytes, chunked %v: %d, asked %v, want %d", size, chunked, resp.StatusCode, x.Asked, want)
			}
		}
	}
}

// TestBrokenChunks: a body that is none is the client's mistake, and it is there
// to be told.
func TestBrokenChunks(t *testing.T) {
	t.Parallel()
	url, done := front(t, &App{Pool: serveApp(t, echoSum)})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	answer, err := io.ReadAll(c)
	if x := <-done; !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || x.Status != http.StatusBadRequest || !x.Refused {
		t.Errorf("%q, %v; %d %s", answer, err, x.Status, x.Why)
	}
}

// TestSlowBody: a client that sends nothing more is given up, whether the
// application waits for it or not.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for _, size := range []int{100, 1 << 20} {
		url, done := front(t, &App{Pool: serveApp(t, echoSum), BodyTime: 20 * time.Millisecond})
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nstart", size)
		answer, err := io.ReadAll(c)
		c.Close()
		if x := <-done; !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || err != nil || x.Status != 408 {
			t.Errorf("%d bytes: %q, error %v; %d %s", size, answer, err, x.Status, x.Why)
		}
	}
}

// TestStreams: an application's words are there before it is done, and a
// client's before it is.
func TestStreams(t *testing.T) {
	t.Parallel()
	url, _ := front(t, &App{Pool: serveApp(t, func(_ context.Context, x *server.Exchange) {
		fmt.Fprint(x.Stdout, "Content-Type: text/event-stream\r\n\r\n")
		x.Flush()
		for s := bufio.NewScanner(x.Stdin); s.Scan(); {
			fmt.Fprintf(x.Stdout, "data: %s\n", s.Text())
			x.Flush()
		}
	})})
	pr, pw := io.Pipe()
	defer pw.Close() // the client looks whether more comes than it has promised
	req, err := http.NewRequest("POST", url, pr)
	if err != nil {
		t.Fatal(err)
	}
	const line = "0123456789\n"
	req.ContentLength = int64(smallBody + len(line)*10)
	go pw.Write(append(bytes.Repeat([]byte("x"), smallBody-1), '\n'))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if first, err := lines.ReadString('\n'); len(first) < smallBody || err != nil {
		t.Fatalf("%q, error %v", first, err)
	}
	for range 10 {
		go io.WriteString(pw, line)
		if got, err := lines.ReadString('\n'); got != "data: "+line || err != nil {
			t.Fatalf("%q, error %v", got, err)
		}
	}
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("%q, error %v", rest, err)
	}
}

// TestEarlyAnswer: an application that does not want the body has answered, and
// nobody waits for the rest of it.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	url, done := front(t, &App{Pool: serveApp(t, write("Status: 403\r\nContent-Type: text/plain\r\n\r\nno"))})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nstart", 10<<20)
	answer, err := io.ReadAll(c) // it does not send the rest
	if x := <-done; !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") || !strings.Contains(string(answer), "Connection: close\r\n") || err != nil || x.Status != 403 {
		t.Errorf("%q, error %v; %d %s", answer, err, x.Status, x.Why)
	}
}

// TestClientGone: the application learns of it.
func TestClientGone(t *testing.T) {
	t.Parallel()
	begun, aborted := make(chan struct{}, 1), make(chan struct{})
	url, done := front(t, &App{Pool: serveApp(t, func(ctx context.Context, x *server.Exchange) {
		begun <- struct{}{}
		<-ctx.Done()
		close(aborted)
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
	<-aborted
	if x := <-done; x.Status != statusClientGone || !strings.Contains(x.Why, "the client closed the connection") {
		t.Errorf("%d %q", x.Status, x.Why)
	}
}

// TestNothingSmuggled: behind a request whose end is not the same for all, none
// is answered.
func TestNothingSmuggled(t *testing.T) {
	t.Parallel()
	site := www(t)
	site.Scripts = &App{Pool: serveApp(t, echoSum)}
	mux := http.NewServeMux()
	mux.Handle("/", site)
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	url, _ := front(t, mux)
	for request, want := range map[string]int{ // answers
		"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n":                                                                                       2,
		"POST /index.php HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":                                                          2,
		"POST /index.php HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                      1,
		"POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                          1,
		"POST /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                         1,
		"POST /index.php HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n":                          1,
		"GET /a.txt HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n": 1,
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, request+"GET /img/a.jpg HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		answers, _ := io.ReadAll(c)
		c.Close()
		if got := strings.Count(string(answers), "\r\nDate: "); got != want {
			t.Errorf("%q: %d answers, want %d: %q", request, got, want, answers)
		}
	}
}

// TestLargestLimit: under the largest limit a body whose size is not known comes
// as well.
func TestLargestLimit(t *testing.T) {
	t.Parallel()
	a := &App{MaxBody: math.MaxInt64}
	b, err := a.spool(strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if got, err := io.ReadAll(b); string(got) != "body" || b.size != 4 || err != nil {
		t.Errorf("%q, %d bytes, error %v", got, b.size, err)
	}
}
