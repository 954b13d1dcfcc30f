package server

import (
	"context"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// WebServerAddrs is the environment variable in which a web server tells an
// application that it starts who may connect: a list for ParseAllowed.
// See FastCGI 1.0, section 3.2.
const WebServerAddrs = "FCGI_WEB_SERVER_ADDRS"

// ServeInherited serves as an application does that a web server, spawn-fcgi or
// cgi-fcgi has started: on the listening socket that is its descriptor 0,
// FCGI_LISTENSOCK_FILENO, which it takes over; and, unless Allowed is set, for
// the addresses in addrs only, if there are any. Pass os.Getenv(WebServerAddrs):
// the environment is the program's business. Its errors are
// those of ParseAllowed and Serve, and one when descriptor 0 is no listening
// socket: the program was started as a CGI program, or by hand.
// See FastCGI 1.0, sections 2.2 and 3.2.
func (s *Server) ServeInherited(ctx context.Context, addrs string) error {
	if s.Allowed == nil {
		allowed, err := ParseAllowed(addrs)
		if err != nil {
			return err
		}
		s.Allowed = allowed
	}
	ln, err := transport.Listen(ctx, transport.Addr{Network: "fd", Address: "0"}, transport.ListenOptions{})
	if err != nil {
		return err
	}
	return s.Serve(ctx, ln)
}
