package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A listening is where an application is to be found.
type listening struct {
	addrs   list
	mode    socketMode
	owner   string
	backlog count
	allow   string
}

// defaultListen is where php-fpm is found, too.
const defaultListen = "127.0.0.1:9000"

const listenFlags = "Listening"

func (o *listening) flags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "listen", Aliases: []string{"l"}, Category: listenFlags, Usage: "serve `ADDR`: PORT and :PORT on 127.0.0.1, HOST:PORT, the path of a Unix socket, @NAME, or fd:N; may come several times", Value: &o.addrs},
		&cli.GenericFlag{Name: "socket-mode", Category: listenFlags, Usage: "give Unix sockets the permissions `MODE`, such as 0660", Value: &o.mode},
		&cli.StringFlag{Name: "socket-owner", Category: listenFlags, Usage: "give Unix sockets to `USER`, USER:GROUP or :GROUP", Destination: &o.owner},
		&cli.GenericFlag{Name: "backlog", Category: listenFlags, Usage: "let `N` connections wait to be accepted (default: as many as the system allows)", Value: &o.backlog},
	}
}

// allowFlag says who may connect.
func (o *listening) allowFlag() cli.Flag {
	return &cli.StringFlag{Name: "allow", Category: listenFlags, Usage: "let only the addresses and networks in `LIST` connect, such as 127.0.0.1,10.0.0.0/8 (default: FCGI_WEB_SERVER_ADDRS)", Destination: &o.allow}
}

// allowed returns who may connect, nil for everybody.
func (o *listening) allowed(env *Env) ([]netip.Prefix, error) {
	list, from := o.allow, "--allow"
	if list == "" {
		list, from = env.Getenv(server.WebServerAddrs), server.WebServerAddrs
	}
	allowed, err := server.ParseAllowed(list)
	if err != nil {
		return nil, usagef("%s: %s", from, plain(err))
	}
	return allowed, nil
}

// targets returns the addresses to listen on.
func (o *listening) targets(env *Env) ([]transport.Addr, error) {
	var addrs []transport.Addr
	for _, s := range o.addrs {
		a, err := transport.ParseAddr(s)
		if err != nil {
			return nil, usagef("--listen: %s", plain(err))
		}
		addrs = append(addrs, a)
	}
	if len(addrs) == 0 {
		addrs = transport.Inherited(env.Getenv)
	}
	if len(addrs) == 0 {
		a, err := transport.ParseAddr(defaultListen)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, a)
	}
	unix := false
	for _, a := range addrs {
		isUnix := a.Network == "unix"
		unix = unix || isUnix && a.Address[0] != '@'
		if isUnix && o.allow != "" {
			return nil, withHint(usagef("--allow is about TCP: with it nobody could connect to %v", a), "who may connect to a Unix socket is said by --socket-mode and --socket-owner")
		}
	}
	if !unix && (o.mode != 0 || o.owner != "") {
		return nil, usagef("--socket-mode and --socket-owner are for Unix sockets, and there is none")
	}
	return addrs, nil
}

// open listens on all addresses, or on none.
func (o *listening) open(ctx context.Context, env *Env) ([]listener, error) {
	addrs, err := o.targets(env)
	if err != nil {
		return nil, err
	}
	options := transport.ListenOptions{Mode: fs.FileMode(o.mode), Backlog: int(o.backlog)}
	options.Owner, options.Group, _ = strings.Cut(o.owner, ":")
	var open []listener
	for _, a := range addrs {
		l, err := transport.Listen(ctx, a, options)
		if err != nil {
			closeAll(open)
			return nil, listenFailure(a, err)
		}
		if a.Network == "tcp" { // port 0 is a free one
			a.Address = l.Addr().String()
		}
		open = append(open, listener{l, a})
	}
	return open, nil
}

func closeAll(listeners []listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// listenWords is what the errors of a system mean here, and what to do.
var listenWords = []struct {
	errno      syscall.Errno
	what, hint string
}{
	{syscall.EADDRINUSE, "the address is in use", "something else listens there (ss -lntxp shows what): end it, or choose another address with --listen"},
	{syscall.EACCES, "permission denied", "ports below 1024 are root's, and a socket needs write permission for its directory"},
	{syscall.EADDRNOTAVAIL, "the address is none of this machine", "ip address lists those that are"},
	{syscall.EPERM, "its owner cannot be set", "only root can give a socket to another user"},
	{syscall.ENOENT, "there is no such directory", "make it, or choose another path with --listen"},
	{syscall.EROFS, "the file system is read-only", ""},
}

// listenFailure says why nobody listens on a.
func listenFailure(a transport.Addr, err error) error {
	if errors.Is(err, transport.ErrNotListening) {
		return withHint(fmt.Errorf("%v is no listening socket", a), "lighttpd, mod_fcgid and spawn-fcgi start a program with one; by hand, choose an address with --listen")
	}
	if errors.Is(err, transport.ErrNotSocket) {
		return withHint(fmt.Errorf("listen on %v: %w", a, transport.ErrNotSocket), "remove it, or choose another path with --listen")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return withHint(fmt.Errorf("listen on %v: the name does not resolve", a), "an address of this machine is needed, such as 127.0.0.1")
	}
	errno := transport.Errno(err)
	for _, row := range listenWords {
		if row.errno == errno {
			return withHint(fmt.Errorf("listen on %v: %s", a, row.what), row.hint)
		}
	}
	return errors.New(plain(err))
}

// socketMode is the value of a flag: permissions, in octal.
type socketMode fs.FileMode

// Set implements flag.Value.
func (m *socketMode) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n == 0 || n > 0o777 {
		return errors.New("want permissions as chmod takes them, such as 0660")
	}
	*m = socketMode(n)
	return nil
}

// String returns "": the umask decides.
func (m *socketMode) String() string { return "" }

// A capacity is how much an application takes, and tells that it takes.
type capacity struct {
	conns, reqs count
	mpxs        choice
}

func (o *capacity) flags() []cli.Flag {
	const category = "Limits"
	o.mpxs = choice{"1", []string{"0", "1"}}
	o.conns, o.reqs = server.DefaultConns, server.DefaultRequests
	return []cli.Flag{
		&cli.GenericFlag{Name: "max-conns", Category: category, Usage: "accept `N` connections at once, others wait; told as FCGI_MAX_CONNS", Value: &o.conns},
		&cli.GenericFlag{Name: "max-reqs", Category: category, Usage: "answer `N` requests at once, refuse others with OVERLOADED; told as FCGI_MAX_REQS", Value: &o.reqs},
		choiceFlag(category, "mpxs", nil, "take several requests at once on a connection (1), or refuse the second with CANT_MPX_CONN (0); told as FCGI_MPXS_CONNS: `0|1`", &o.mpxs),
	}
}

// check refuses limits under which nothing would be answered.
func (o *capacity) check() error {
	switch {
	case o.conns == 0:
		return usagef("serve: --max-conns 0: nobody could connect")
	case o.reqs == 0:
		return withHint(usagef("serve: --max-reqs 0: every request would be refused"), "for that there is --fault overloaded")
	}
	return nil
}

// apply sets the limits of s.
func (o *capacity) apply(s *server.Server) {
	s.Limits.Conns, s.Limits.Requests = int(o.conns), int(o.reqs)
	s.OneAtATime = o.mpxs.word == "0"
}
