package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// TestAuthorizer: whom it lets in, whom not, and what is passed on.
func TestAuthorizer(t *testing.T) {
	t.Parallel()
	var asked atomic.Value // what it was asked last
	guard := serveApp(t, func(_ context.Context, x *server.Exchange) {
		said := fmt.Sprintln(x.Role)
		for _, p := range x.Params {
			said += fmt.Sprintf("%s=%s\n", p.Name, p.Value)
		}
		asked.Store(said)
		switch x.Param("QUERY_STRING") {
		case "open":
			io.WriteString(x.Stdout, "Status: 200 OK\r\nVariable-REMOTE_USER: alice\r\nVariable-HTTP_HOST: safe\r\nVariable-CONTENT_LENGTH: 99\r\nX-Other: 1\r\n\r\nignored")
		case "login":
			io.WriteString(x.Stdout, "Status: 401\r\nWWW-Authenticate: Basic\r\nVariable-SECRET: s\r\nContent-Type: text/plain\r\n\r\nwho are you?")
		case "silent":
		default:
			io.WriteString(x.Stdout, "Location: /login\r\n\r\n")
		}
	})
	app := serveApp(t, func(_ context.Context, x *server.Exchange) {
		body, _ := io.ReadAll(x.Stdin)
		fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%s %s %s %s", x.Param("REMOTE_USER"), x.Param("HTTP_HOST"), x.Param("CONTENT_LENGTH"), body)
	})
	h := &Front{Next: &Authorizer{App: &App{Pool: guard}, Next: &App{Pool: app}, Root: "/srv"}}
	for _, tt := range []struct {
		query  string
		status int
		body   string
		field  string // NAME: VALUE in the header
	}{
		{"open", 200, "alice safe 4 body", ""},
		{"login", 401, "who are you?", "Www-Authenticate: Basic"},
		{"", 302, "", "Location: /login"},
		{"silent", 502, "Bad Gateway\n", ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/a/b?"+tt.query, strings.NewReader("body")))
		name, value, _ := strings.Cut(tt.field, ": ")
		if w.Code != tt.status || w.Body.String() != tt.body || w.Header().Get(name) != value || w.Header().Get("Variable-SECRET") != "" || w.Header().Get("X-Other") != "" {
			t.Errorf("%s: %d %q %v, want %d %q", tt.query, w.Code, w.Body, w.Header(), tt.status, tt.body)
		}
	}
	// What section 6.3 of FastCGI 1.0 says that it does not get.
	said, _ := asked.Load().(string)
	for _, name := range []string{"CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"} {
		if strings.Contains(said, "\n"+name+"=") {
			t.Errorf("the authorizer gets %s", name)
		}
	}
	if !strings.HasPrefix(said, "AUTHORIZER\n") || !strings.Contains(said, "\nREQUEST_METHOD=POST\n") || !strings.Contains(said, "\nREQUEST_URI=/a/b?silent\n") {
		t.Errorf("it is asked %s", said)
	}
}

// TestAuthorizerSeesThePath: to parameters a # ends the path. It must not be
// asked about another one than what answers.
func TestAuthorizerSeesThePath(t *testing.T) {
	t.Parallel()
	guard := serveApp(t, func(_ context.Context, x *server.Exchange) {
		t.Errorf("it is asked about %q", x.Param("REQUEST_URI"))
		io.WriteString(x.Stdout, "Status: 200\r\n\r\n")
	})
	site := www(t)
	site.Scripts = http.HandlerFunc(scripts)
	w := httptest.NewRecorder()
	h := &Authorizer{App: &App{Pool: guard}, Next: site, Root: site.Dir()}
	h.ServeHTTP(w, httptest.NewRequest("GET", "/#/../app/x.php", nil))
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %q, want 400", w.Code, w.Body)
	}
}

// TestFilter: a file through an application.
func TestFilter(t *testing.T) {
	t.Parallel()
	site := www(t)
	pool := serveApp(t, func(_ context.Context, x *server.Exchange) {
		data, _ := io.ReadAll(x.Data)
		fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%v %s %s", x.Role, x.Param("FCGI_DATA_LENGTH"), strings.ToUpper(string(data)))
	})
	site.Filters = map[string]*Filter{".txt": {App: &App{Pool: pool}}}
	for path, want := range map[string]string{
		"/a.txt": "200 FILTER 5 TEXT\n", "/img/a.jpg": "200 jpg", "/nothing.txt": "404 Not Found\n", "/notes.php.txt": "404 Not Found\n", "/out.txt": "403 Forbidden\n",
	} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		if got := fmt.Sprint(w.Code, " ", w.Body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestEndpoint: one script for everything, or none.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	pool := serveApp(t, func(_ context.Context, x *server.Exchange) {
		fmt.Fprintf(x.Stdout, "Content-Type: text/plain\r\n\r\n%s|%s|%s|%s", x.Param("SCRIPT_FILENAME"), x.Param("SCRIPT_NAME"), x.Param("PATH_INFO"), x.Param("DOCUMENT_ROOT"))
	})
	app := &App{Pool: pool}
	for _, tt := range []struct {
		e          Endpoint
		path, want string
	}{
		{Endpoint{App: app, File: "/srv/app/main.php"}, "/x/y", "/srv/app/main.php|/main.php||/srv/app"},
		{Endpoint{App: app, File: "/srv/app/main.php"}, "/main.php/x", "/srv/app/main.php|/main.php|/x|/srv/app"},
		{Endpoint{App: app, File: "/srv/app/main.php", Root: "/srv"}, "/x", "/srv/app/main.php|/app/main.php||/srv"},
		{Endpoint{App: app}, "/x/y", "/x/y|/x/y||"},
	} {
		w := httptest.NewRecorder()
		tt.e.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+tt.path, nil))
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%+v %s: %q, want %q", tt.e, tt.path, got, tt.want)
		}
	}
	w := httptest.NewRecorder()
	(&Endpoint{App: app}).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/../x", nil))
	if w.Code != 400 {
		t.Errorf("a path that leaves the root: %d", w.Code)
	}
}

// TestLimiter: so many at once, so many wait, for so long.
func TestLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var atWork, most atomic.Int64
		l := NewLimiter(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), atWork.Add(1)))
			<-release
			atWork.Add(-1)
		}), 2, 1, time.Second)
		codes := make(chan int, 8)
		var all sync.WaitGroup
		ask := func(ctx context.Context) {
			all.Go(func() {
				w := httptest.NewRecorder()
				r, x := Begin(httptest.NewRequestWithContext(ctx, "GET", "http://localhost/", nil))
				defer func() {
					if recover() == http.ErrAbortHandler { // or net/http would answer with 200
						w.Code = x.Status
					}
					codes <- w.Code
				}()
				l.ServeHTTP(w, r)
			})
			synctest.Wait()
		}
		ask(t.Context())
		ask(t.Context()) // two are at work
		ask(t.Context()) // one waits
		ask(t.Context()) // one is too many
		if len(codes) != 1 {
			t.Errorf("%d are answered at once, want the one that is too many", len(codes))
		}
		if got := <-codes; got != 503 {
			t.Errorf("too many: %d", got)
		}
		time.Sleep(2 * time.Second)
		if got := <-codes; got != 503 {
			t.Errorf("waited too long: %d", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ask(ctx)
		cancel()
		if got := <-codes; got != statusClientGone {
			t.Errorf("gone while it waited: %d", got)
		}
		ending, end := context.WithCancelCause(t.Context())
		ask(ending)
		end(errors.New("the gateway ended"))
		if got := <-codes; got != 503 {
			t.Errorf("it ended while one waited: %d", got)
		}
		ask(t.Context())
		close(release)
		all.Wait()
		for range 3 {
			if got := <-codes; got != 200 {
				t.Errorf("answered: %d", got)
			}
		}
		if most.Load() > 2 || l.waiting.Load() != 0 || len(l.places) != 0 {
			t.Errorf("%d at once; %d wait and %d are at work in the end", most.Load(), l.waiting.Load(), len(l.places))
		}
	})
}

// TestHealth: what those who watch are told.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var err error
		asked := 0
		h := &Health{
			Next:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "next") }),
			Ready: func(context.Context) error { asked++; return err },
		}
		why := ""
		front := &Front{Next: h, Done: func(x *Exchange) { why = x.Why }}
		get := func(path string) string {
			w := httptest.NewRecorder()
			front.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
			return fmt.Sprint(w.Code, " ", w.Body)
		}
		expect := func(path, want string) {
			t.Helper()
			if got := get(path); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		time.Sleep(time.Minute)
		expect("/healthz", "200 ok\n")
		expect("/readyz", "200 ready\n")
		expect("/other", "200 next")
		err = errors.New("all workers are busy")
		expect("/readyz", "200 ready\n") // as it was asked within this second
		time.Sleep(2 * readyFor)
		expect("/readyz", "503 not ready: the application does not answer as it should\n")
		if why != "all workers are busy" {
			t.Errorf("the log is told %q", why)
		}
		err = fmt.Errorf("fpm: %w", &transport.DialError{Addr: transport.Addr{Network: "unix", Address: "/secret"}})
		time.Sleep(2 * readyFor)
		expect("/readyz", "503 not ready: cannot reach the application\n")
		expect("/healthz", "200 ok\n")
		err = nil
		time.Sleep(2 * readyFor)
		expect("/readyz", "200 ready\n")
		h.Drain()
		expect("/readyz", "503 not ready: ending\n")
		if asked != 4 {
			t.Errorf("the application was asked %d times, want 4", asked)
		}
	})
}
