package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestMalformedH2Body: a body that is not as long as it says is the client's
// mistake; one that is given up is nobody's.
func TestMalformedH2Body(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 5) // more than smallBody: it is passed on as it comes
	for _, tt := range []struct {
		name, length string
		does         func(wiretest.RawH2)
		answer       string
		status       int
		why          string
	}{
		{"less", "10", func(h wiretest.RawH2) { h.Frame(wiretest.H2Data, wiretest.H2EndStream, 1, []byte("four")) }, "400", 400, "declared a Content-Length of 10 but only wrote 4 bytes"},
		{"less of much", long, func(h wiretest.RawH2) { h.Frame(wiretest.H2Data, wiretest.H2EndStream, 1, []byte("four")) }, "400", 400, "but only wrote 4 bytes"},
		{"more", "3", func(h wiretest.RawH2) { h.Frame(wiretest.H2Data, 0, 1, []byte("four")) }, "reset", 400, "more than declared Content-Length of 3 bytes"},
		{"given up", "10", func(h wiretest.RawH2) {
			h.Frame(wiretest.H2Data, 0, 1, []byte("four"))
			h.Frame(wiretest.H2Reset, 0, 1, []byte{0, 0, 0, 8})
		}, "", 499, "the client"},
		{"much given up", long, func(h wiretest.RawH2) {
			h.Frame(wiretest.H2Data, 0, 1, []byte("four"))
			h.Frame(wiretest.H2Reset, 0, 1, []byte{0, 0, 0, 8})
		}, "", 499, "the client"},
		{"gone", long, func(h wiretest.RawH2) { h.Frame(wiretest.H2Data, 0, 1, []byte("four")); h.CloseWrite() }, "", 499, "the client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, done := front(t, &App{Pool: serveApp(t, echoSum)})
			h := wiretest.DialH2(t, url)
			h.Request(1, wiretest.H2Post, "/", tt.length)
			tt.does(h)
			if tt.answer != "" {
				if got := h.Status(t); got != tt.answer {
					t.Errorf("the answer is %q, want %q", got, tt.answer)
				}
			}
			if x := <-done; x.Status != tt.status || x.Refused != (tt.status == http.StatusBadRequest) || !strings.Contains(x.Why, tt.why) {
				t.Errorf("log: %d, refused %v, %q, want %d, %q", x.Status, x.Refused, x.Why, tt.status, tt.why)
			}
		})
	}
}
