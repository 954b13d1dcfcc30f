package server

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A peer is a web server made by hand.
type peer struct {
	t testing.TB
	net.Conn
	*wire.Reader
	*wire.Writer
}

// connect serves one connection with s, over a Unix socket.
func connect(t *testing.T, s *Server) *peer {
	t.Helper()
	client, app := socketPair(t)
	return serveOn(t, s, client, app)
}

// connectPipe serves one connection with s in memory.
func connectPipe(t *testing.T, s *Server) *peer {
	t.Helper()
	client, app := net.Pipe()
	return serveOn(t, s, client, app)
}

func serveOn(t *testing.T, s *Server, client, app net.Conn) *peer {
	done := make(chan struct{})
	go func() {
		s.ServeConn(context.Background(), app)
		close(done)
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
	})
	return &peer{t, client, wire.NewReader(client), wire.NewWriter(client)}
}

func socketPair(t *testing.T) (client, app net.Conn) {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	client, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if app, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, app
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// dial connects to a server.
func dial(t *testing.T, ln net.Listener) *peer {
	t.Helper()
	nc, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &peer{t, nc, wire.NewReader(nc), wire.NewWriter(nc)}
}

// request writes a whole request.
func (p *peer) request(id uint16, flags wire.Flags, body string, params ...string) {
	p.t.Helper()
	p.begin(id, wire.Responder, flags, params...)
	in := p.Stream(wire.TypeStdin, id)
	io.WriteString(in, body)
	in.Close()
	p.flush()
}

// begin writes BEGIN_REQUEST and the whole PARAMS.
func (p *peer) begin(id uint16, role wire.Role, flags wire.Flags, params ...string) {
	p.t.Helper()
	p.WriteRecord(wire.BeginRecord(id, role, flags))
	pairs := p.Pairs(wire.TypeParams, id)
	for _, nv := range params {
		name, value, _ := strings.Cut(nv, "=")
		pairs.WritePair(wire.NewPair(name, value))
	}
	pairs.Close()
}

func (p *peer) send(recs ...wire.Record) {
	p.t.Helper()
	for _, r := range recs {
		p.WriteRecord(r)
	}
	p.flush()
}

func (p *peer) flush() {
	p.t.Helper()
	if err := p.Flush(); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

func (p *peer) next() wire.Record {
	p.t.Helper()
	rec, err := p.ReadRecord()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return rec.Clone()
}

// An answer is what came for a request.
type answer struct {
	stdout, stderr string
	end            wire.EndRequest
	types          []wire.Type // of its records, equal neighbours once
}

// answer reads the records of id up to its END_REQUEST.
func (p *peer) answer(id uint16) (a answer) {
	p.t.Helper()
	for {
		rec := p.next()
		if rec.RequestID != id {
			p.t.Fatalf("record of request %d: %+v", rec.RequestID, rec)
		}
		if n := len(a.types); n == 0 || a.types[n-1] != rec.Type || len(rec.Content) == 0 {
			a.types = append(a.types, rec.Type)
		}
		switch rec.Type {
		case wire.TypeStdout:
			a.stdout += string(rec.Content)
		case wire.TypeStderr:
			a.stderr += string(rec.Content)
		case wire.TypeEndRequest:
			var err error
			if a.end, err = wire.ParseEndRequest(rec.Content); err != nil {
				p.t.Fatal(err)
			}
			return a
		}
	}
}

// closed checks that the server has closed the connection, and sent no more.
func (p *peer) closed() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	if rec, err := p.ReadRecord(); err != io.EOF {
		p.t.Fatalf("read: %+v, %v; want the end", rec, err)
	}
}

// alive checks that the connection is still served.
func (p *peer) alive() {
	p.t.Helper()
	p.send(wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(wire.MpxsConns, "").Append(nil)))
	if rec := p.next(); rec.Type != wire.TypeGetValuesResult {
		p.t.Fatalf("%+v; want GET_VALUES_RESULT", rec)
	}
}

func TestEcho(t *testing.T) {
	for name, conn := range map[string]func(*testing.T, *Server) *peer{"unix": connect, "pipe": connectPipe} {
		t.Run(name, func(t *testing.T) {
			p := conn(t, &Server{Handler: echo})
			for range 3 {
				p.request(1, wire.KeepConn, "a=b", "REQUEST_METHOD=POST", "REQUEST_URI=/hello?name=world", "X=1", "X=\n2")
				a := p.answer(1)
				want := "Content-Type: text/plain; charset=utf-8\r\n\r\nPOST /hello?name=world\nrole RESPONDER, request id 1, 4 params\n\n" +
					"REQUEST_METHOD=POST\nREQUEST_URI=/hello?name=world\nX=1\nX=\"\\n2\"\n\na=b"
				if a.stdout != want {
					t.Errorf("stdout = %q, want %q", a.stdout, want)
				}
				if a.end != (wire.EndRequest{}) {
					t.Errorf("end = %+v", a.end)
				}
			}
			p.request(1, 0, "", "REQUEST_METHOD=GET", "HTTP_ACCEPT=application/json")
			if a := p.answer(1); !strings.HasSuffix(a.stdout, `"stdin":"","stdin_bytes":0,"data":"","data_bytes":0}`+"\n") {
				t.Errorf("stdout = %q", a.stdout)
			}
			p.closed()
		})
	}
}
