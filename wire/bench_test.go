package wire_test

import (
	"io"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// endless gives the same bytes again and again.
type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.block[e.at:])
	if e.at += n; e.at == len(e.block) {
		e.at = 0
	}
	return n, nil
}

// records returns n records of size bytes, header included.
func records(n, size int) (b []byte) {
	rec := wire.NewRecord(wire.TypeStdout, 1, make([]byte, size-wire.HeaderLen))
	for range n {
		b = rec.Append(b)
	}
	return b
}

func benchmarkReader(b *testing.B, size int) {
	r := wire.NewReader(&endless{block: records(1<<20/size, size)})
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.ReadRecord(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReader64(b *testing.B)  { benchmarkReader(b, 64) }
func BenchmarkReader8K(b *testing.B)  { benchmarkReader(b, 8<<10) }
func BenchmarkReader64K(b *testing.B) { benchmarkReader(b, 64<<10) }

// BenchmarkCopy8K is what BenchmarkReader8K is measured by: the same source,
// read in pieces of 8 KiB and not looked at.
func BenchmarkCopy8K(b *testing.B) {
	src := &endless{block: records(128, 8<<10)}
	buf := make([]byte, 8<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := io.ReadFull(src, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// nginxParams is what nginx sends with its usual fastcgi_params for a small
// page.
func nginxParams() []byte {
	var b []byte
	for _, p := range [][2]string{
		{"QUERY_STRING", "name=world"}, {"REQUEST_METHOD", "GET"}, {"CONTENT_TYPE", ""}, {"CONTENT_LENGTH", ""},
		{"SCRIPT_NAME", "/hello.php"}, {"REQUEST_URI", "/hello.php?name=world"}, {"DOCUMENT_URI", "/hello.php"},
		{"DOCUMENT_ROOT", "/srv/www"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_SCHEME", "http"},
		{"GATEWAY_INTERFACE", "CGI/1.1"}, {"SERVER_SOFTWARE", "nginx/1.22.1"}, {"REMOTE_ADDR", "192.0.2.7"},
		{"REMOTE_PORT", "47300"}, {"REMOTE_USER", ""}, {"SERVER_ADDR", "192.0.2.1"}, {"SERVER_PORT", "443"},
		{"SERVER_NAME", "www.example.com"}, {"REDIRECT_STATUS", "200"}, {"SCRIPT_FILENAME", "/srv/www/hello.php"},
		{"HTTP_HOST", "www.example.com"},
		{"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		{"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		{"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"}, {"HTTP_ACCEPT_ENCODING", "gzip, deflate, br"},
		{"HTTP_COOKIE", "session=0123456789abcdef0123456789abcdef; theme=dark; csrftoken=fedcba9876543210fedcba9876543210fedcba98765432"},
		{"HTTP_REFERER", "https://www.example.com/index.php"}, {"HTTP_UPGRADE_INSECURE_REQUESTS", "1"},
	} {
		b = wire.NewPair(p[0], p[1]).Append(b)
	}
	return b
}

func BenchmarkPairs(b *testing.B) {
	block := nginxParams()
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		for at := 0; at < len(block); {
			_, n := wire.ParsePair(block[at:])
			if n == 0 {
				b.Fatal("no pair")
			}
			at += n
		}
	}
}

func BenchmarkAppendPairs(b *testing.B) {
	block := nginxParams()
	pairs, err := wire.ParsePairs(block)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		dst = wire.AppendPairs(dst[:0], pairs)
	}
}

func BenchmarkWriter8K(b *testing.B) {
	w := wire.NewWriter(io.Discard)
	rec := wire.NewRecord(wire.TypeStdout, 1, make([]byte, 8<<10))
	b.SetBytes(8 << 10)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.WriteRecord(rec); err != nil {
			b.Fatal(err)
		}
	}
}
