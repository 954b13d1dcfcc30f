// Package transport finds the way to a FastCGI application: addresses, dialing,
// listening, inherited descriptors, and why it did not work.
package transport

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// maxUnixPath is the longest path of a Unix socket, in bytes: 107 on Linux.
const maxUnixPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// An Addr is the address of a FastCGI application.
type Addr struct {
	Network string // "tcp", "unix", or "fd": an inherited descriptor
	Address string // HOST:PORT, a path (@NAME is abstract), or a number
}

// String returns the address as it was understood, in a form that ParseAddr
// reads: unix:/run/a.sock, tcp:127.0.0.1:9000, fd:0.
func (a Addr) String() string { return a.Network + ":" + a.Address }

// ParseAddr reads the address of a network:
//
//	unix:PATH, or anything with a /             a Unix socket
//	unix:@NAME, @NAME                           an abstract Unix socket
//	HOST:PORT, [V6]:PORT, tcp:HOST:PORT         TCP
//	:PORT, PORT                                 TCP on 127.0.0.1
//	fd:N                                        an inherited descriptor
//
// NAME:digits is always host and port. app:NAME, exec:COMMAND and auto are no
// networks; commands resolve them before they come here.
func ParseAddr(s string) (Addr, error) {
	a, err := parseAddr(s)
	if err != nil {
		return Addr{}, fmt.Errorf("transport: address %q: %w", s, err)
	}
	return a, nil
}

func parseAddr(s string) (Addr, error) {
	if strings.ContainsAny(s, "\x00\n\r") {
		return Addr{}, errors.New("holds a control character")
	}
	kind, rest, found := strings.Cut(s, ":")
	switch {
	case s == "":
		return Addr{}, errors.New("is empty")
	case found && kind == "unix":
		return unixAddr(rest)
	case found && kind == "tcp" && !strings.HasPrefix(rest, "//"):
		return tcpAddr(rest)
	case found && strings.HasPrefix(rest, "//"):
		return Addr{}, errors.New("is a URL; an address is HOST:PORT or the path of a Unix socket")
	case found && kind == "exec" && !isNumber(rest):
		return Addr{}, errors.New("is a command and no network address")
	case found && (kind == "app" || kind == "fd") && !isNumber(rest):
		if kind == "app" {
			return Addr{}, errors.New("is a built-in application and no network address")
		}
		return Addr{}, errors.New("the descriptor is not a number")
	case found && kind == "fd":
		return Addr{"fd", rest}, nil
	case strings.HasPrefix(s, "@"), strings.Contains(s, "/"):
		return unixAddr(s)
	}
	return tcpAddr(s)
}

func unixAddr(path string) (Addr, error) {
	// unix:///run/a.sock is how other tools write it.
	if strings.HasPrefix(path, "///") {
		path = path[2:]
	}
	switch {
	case path == "" || path == "@":
		return Addr{}, errors.New("has no path")
	case path[0] == '@' && runtime.GOOS != "linux":
		return Addr{}, errors.New("abstract Unix sockets are for Linux; for a file of that name: ./" + path)
	case len(path) > maxUnixPath:
		return Addr{}, fmt.Errorf("the path has %d bytes, a Unix socket's at most %d", len(path), maxUnixPath)
	}
	return Addr{"unix", path}, nil
}

func tcpAddr(s string) (Addr, error) {
	if isNumber(s) {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	var detail *net.AddrError
	switch {
	case errors.As(err, &detail) && strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "["):
		return Addr{}, errors.New("is ambiguous; an IPv6 address is written [ADDRESS]:PORT")
	case errors.As(err, &detail) && detail.Err == "missing port in address":
		return Addr{}, errors.New("has no port; an address is HOST:PORT or the path of a Unix socket, with a /")
	case errors.As(err, &detail):
		return Addr{}, errors.New(detail.Err)
	case err != nil:
		return Addr{}, err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || !isNumber(port) {
		return Addr{}, fmt.Errorf("%q is no port, 0 to 65535", port)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return Addr{"tcp", net.JoinHostPort(host, port)}, nil
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
