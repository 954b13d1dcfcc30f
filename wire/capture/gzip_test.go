package capture

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

// TestGzipDamage: what is wrong with compressed data is said in words, and what
// comes before is decoded.
func TestGzipDamage(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(readFixture(t, "capture/nginx-php-get.pcap"))
	w.Close()
	whole := b.Bytes()
	sum := bytes.Clone(whole)
	sum[len(sum)-8] ^= 1
	for name, test := range map[string]struct {
		input []byte
		want  string
	}{
		"cut":        {whole[:len(whole)-9], "gzip: the compressed file is cut"},
		"cut header": {whole[:5], "the compressed file is cut"},
		"checksum":   {sum, "gzip: the checksum of the compressed file is wrong"},
		"damage":     {append(bytes.Clone(whole[:10]), bytes.Repeat([]byte{0xff}, 300)...), "the compressed file is damaged before its byte "},
		"no gzip":    {[]byte("no gzip file"), "no gzip file"},
	} {
		t.Run(name, func(t *testing.T) {
			src, _, err := Open(bytes.NewReader(test.input), Options{From: "gzip"})
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				return
			}
			chunks, warnings := drain(t, src)
			if len(chunks) == 0 && name != "cut" || len(warnings) == 0 || !strings.Contains(warnings[0], test.want) {
				t.Errorf("%d chunks, warnings %q, want %q", len(chunks), warnings, test.want)
			}
		})
	}
}
