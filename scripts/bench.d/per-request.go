//go:build ignore

// per-request plain|gofast ADDR SOCKET serves HTTP on ADDR and asks the FastCGI application on SOCKET, over a new
// connection for each request. It is what gateway is compared with.
//
// plain is as good as it gets without keeping connections: the request in one write, reads of 4 KiB, no goroutine. gofast
// does what github.com/yookoala/gofast does (client.go and fcgi.go at d584ae6): each record is a write, of which there are
// four; the header and the content of a record that comes are a read each, into a record of 64 KiB; a goroutine writes,
// one reads, three wait for these and clean up, one hands out request ids (and ends with the request: there it does not),
// and two copy STDOUT and STDERR out of pipes. Neither writes an access log.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: per-request plain|gofast ADDR SOCKET")
	}
	ask := map[string]func(net.Conn, http.ResponseWriter, *http.Request) error{"plain": plain, "gofast": gofast}[os.Args[1]]
	if ask == nil {
		log.Fatalf("per-request: %s: want plain or gofast", os.Args[1])
	}
	l, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("serving on http://%s", l.Addr())
	log.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := net.Dial("unix", os.Args[3])
		if err == nil {
			defer c.Close()
			err = ask(c, w, r)
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "502", http.StatusBadGateway)
		}
	})))
}

const (
	begin, end, params, stdin, stdout, stderr = 1, 3, 4, 5, 6, 7

	most = 65535 // bytes of content in a record
)

// record appends a record of request 1.
func record(b *bytes.Buffer, kind byte, content []byte) {
	pad := -len(content) & 7
	b.Write([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), byte(pad), 0})
	b.Write(content)
	b.Write(make([]byte, pad))
}

// beginBody asks for a responder. keep is KEEP_CONN, which gofast sets although it closes the connection itself.
func beginBody(keep byte) []byte { return []byte{0, 1, keep, 0, 0, 0, 0, 0} }

// variables are the parameters for the application.
func variables(r *http.Request) map[string]string {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = r.Host, "80"
	}
	remote, remotePort, _ := net.SplitHostPort(r.RemoteAddr)
	v := map[string]string{
		"REQUEST_METHOD": r.Method, "REQUEST_URI": r.RequestURI, "QUERY_STRING": r.URL.RawQuery, "SCRIPT_NAME": r.URL.Path,
		"SCRIPT_FILENAME": "/srv" + r.URL.Path, "DOCUMENT_ROOT": "/srv", "DOCUMENT_URI": r.URL.Path, "PATH_INFO": "",
		"SERVER_PROTOCOL": r.Proto, "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "per-request", "REQUEST_SCHEME": "http",
		"SERVER_NAME": host, "SERVER_PORT": port, "REMOTE_ADDR": remote, "REMOTE_PORT": remotePort, "REDIRECT_STATUS": "200",
		"CONTENT_TYPE": r.Header.Get("Content-Type"), "HTTP_HOST": r.Host,
	}
	if r.ContentLength > 0 {
		v["CONTENT_LENGTH"] = strconv.FormatInt(r.ContentLength, 10)
	}
	for name, values := range r.Header {
		v["HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = strings.Join(values, ",")
	}
	return v
}

// pairs encodes parameters.
func pairs(v map[string]string) []byte {
	var b []byte
	size := func(n int) {
		if n < 128 {
			b = append(b, byte(n))
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(n)|1<<31)
		}
	}
	for name, value := range v {
		size(len(name))
		size(len(value))
		b = append(append(b, name...), value...)
	}
	return b
}

// answer passes a CGI response on.
func answer(w http.ResponseWriter, out io.Reader) error {
	in := bufio.NewReader(out)
	header, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil {
		return err
	}
	status := http.StatusOK
	for name, values := range header {
		if name == "Status" && len(values[0]) >= 3 {
			if status, err = strconv.Atoi(values[0][:3]); err != nil {
				return err
			}
			continue
		}
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = io.Copy(w, in) // who is gone is not told
	return nil
}

// plain asks without more ado.
func plain(c net.Conn, w http.ResponseWriter, r *http.Request) error {
	var request bytes.Buffer
	record(&request, begin, beginBody(0))
	for b := pairs(variables(r)); len(b) > 0; {
		n := min(len(b), most)
		record(&request, params, b[:n])
		b = b[n:]
	}
	record(&request, params, nil)
	if r.ContentLength != 0 {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		for len(body) > 0 {
			n := min(len(body), most)
			record(&request, stdin, body[:n])
			body = body[n:]
		}
	}
	record(&request, stdin, nil)
	if _, err := c.Write(request.Bytes()); err != nil {
		return err
	}
	return answer(w, &output{in: bufio.NewReader(c)})
}

// An output is STDOUT of the records that in has.
type output struct {
	in   *bufio.Reader
	left int // content of the record
	pad  int
}

func (o *output) Read(p []byte) (int, error) {
	for o.left == 0 {
		if _, err := o.in.Discard(o.pad); err != nil {
			return 0, err
		}
		o.pad = 0
		var head [8]byte
		if _, err := io.ReadFull(o.in, head[:]); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		size := int(binary.BigEndian.Uint16(head[4:]))
		switch o.pad = int(head[6]); head[1] {
		case stdout:
			o.left = size
		case end:
			return 0, io.EOF
		default:
			o.pad += size
		}
	}
	n, err := o.in.Read(p[:min(len(p), o.left)])
	o.left -= n
	return n, err
}

// gofast asks as gofast does.
func gofast(c net.Conn, w http.ResponseWriter, r *http.Request) error {
	ids, stop := make(chan uint16), make(chan struct{})
	defer close(stop)
	go func() {
		for id := uint16(1); ; id++ {
			select {
			case ids <- id:
			case <-stop:
				return
			}
		}
	}()
	<-ids // the first one is what record writes
	outReader, outWriter := io.Pipe()
	errReader, errWriter := io.Pipe()
	var both sync.WaitGroup
	both.Go(func() { writeEach(c, r) })
	both.Go(func() {
		over := make(chan struct{})
		go func() {
			defer close(over)
			readEach(c, outWriter, errWriter)
		}()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	all := make(chan struct{})
	go func() {
		both.Wait()
		close(all)
	}()
	go func() {
		<-all
		outWriter.Close()
		errWriter.Close()
	}()
	failed := make(chan error, 2)
	var said bytes.Buffer
	go func() { failed <- answer(w, outReader) }()
	go func() {
		_, err := io.Copy(&said, errReader)
		failed <- err
	}()
	err := <-failed
	if second := <-failed; err == nil {
		err = second
	}
	if said.Len() > 0 {
		log.Printf("stderr: %s", said.Bytes())
	}
	return err
}

// An each is a stream whose pieces are records, each of them a write.
type each struct {
	c    io.Writer
	kind byte
}

func (e each) Write(p []byte) (int, error) {
	var b bytes.Buffer
	record(&b, e.kind, p)
	if _, err := e.c.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// writeEach writes the request record by record. What becomes of it shows in
// the answer.
func writeEach(c io.Writer, r *http.Request) {
	_, _ = each{c, begin}.Write(beginBody(1))
	out := bufio.NewWriterSize(each{c, params}, most)
	_, _ = out.Write(pairs(variables(r)))
	_ = out.Flush()
	_, _ = each{c, params}.Write(nil)
	in := bufio.NewWriterSize(each{c, stdin}, most)
	piece := make([]byte, 1024)
	for {
		n, err := r.Body.Read(piece)
		_, _ = in.Write(piece[:n])
		if err != nil {
			break
		}
	}
	_ = in.Flush()
	_, _ = each{c, stdin}.Write(nil)
}

// readEach reads the answer record by record.
func readEach(c io.Reader, out, said io.Writer) {
	var rec struct {
		header struct {
			Version, Kind byte
			ID, Length    uint16
			Pad, Reserved byte
		}
		body [most + 255]byte
	}
	for {
		if err := binary.Read(c, binary.BigEndian, &rec.header); err != nil {
			return
		}
		n := int(rec.header.Length)
		if _, err := io.ReadFull(c, rec.body[:n+int(rec.header.Pad)]); err != nil {
			return
		}
		switch rec.header.Kind {
		case stdout:
			_, _ = out.Write(rec.body[:n])
		case stderr:
			_, _ = said.Write(rec.body[:n])
		case end:
			return
		}
	}
}
