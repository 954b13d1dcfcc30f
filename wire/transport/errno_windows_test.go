package transport

import (
	"context"
	"errors"
	"net"
	"testing"
)

// TestDialErrorsOfWindows: errors of sockets are told in the same words as
// elsewhere.
func TestDialErrorsOfWindows(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := Addr{Network: "tcp", Address: l.Addr().String()}
	l.Close()
	_, err = Dial(context.Background(), addr)
	var e *DialError
	if !errors.As(err, &e) || e.Reason != Refused {
		t.Errorf("dialling where nobody listens: %v", err)
	}
}
