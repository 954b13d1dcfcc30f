package capture

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
)

// syscalls are the system calls that tell something about connections. Others
// are skipped.
var syscalls = map[string]func(*straceSource, *call) error{
	"read":     reads(plain),
	"recv":     reads(plain),
	"recvfrom": reads(plain),
	"readv":    reads(vector),
	"recvmsg":  reads(message),
	"write":    writes(plain),
	"send":     writes(plain),
	"sendto":   writes(plain),
	"writev":   writes(vector),
	"sendmsg":  writes(message),
	"sendfile": writes(unseen),

	"accept":     accepted,
	"accept4":    accepted,
	"connect":    connected,
	"socket":     opened(false),
	"close":      closed,
	"shutdown":   shutdown,
	"dup":        duplicated,
	"dup2":       duplicated,
	"dup3":       duplicated,
	"fcntl":      duplicated,
	"fcntl64":    duplicated,
	"clone":      cloned,
	"clone3":     cloned,
	"fork":       cloned,
	"vfork":      cloned,
	"open":       opened(true),
	"openat":     opened(true),
	"openat2":    opened(true),
	"creat":      opened(true),
	"eventfd2":   opened(true),
	"pipe":       openedPair,
	"pipe2":      openedPair,
	"socketpair": openedPair,

	"epoll_create1":  opened(true),
	"timerfd_create": opened(true),
	"signalfd4":      opened(true),
	"memfd_create":   opened(true),
	"inotify_init1":  opened(true),
}

// A payload finds the data in the arguments behind the descriptor. It appends
// the pieces that were printed, each with the bytes that were not behind it.
type payload func(args []byte, n int64) ([]piece, bool)

type piece struct {
	data []byte
	lost int64
}

func plain(args []byte, n int64) ([]piece, bool) {
	arg, _ := nextArg(args)
	data, _, ok := str(nil, arg)
	if !ok {
		return nil, false
	}
	data = data[:min(int64(len(data)), n)]
	return []piece{{data, n - int64(len(data))}}, true
}

// vector reads [{iov_base="…", iov_len=8}, …].
func vector(args []byte, n int64) (pieces []piece, ok bool) {
	list, _ := nextArg(args)
	list, ok = bytes.CutPrefix(list, []byte("["))
	for ok && n > 0 {
		var elem []byte
		elem, list = nextArg(bytes.TrimSuffix(list, []byte("]")))
		if len(elem) == 0 {
			break
		}
		elem = bytes.TrimSuffix(bytes.TrimPrefix(elem, []byte("{")), []byte("}"))
		base, rest := nextArg(bytes.TrimPrefix(elem, []byte("iov_base=")))
		var size int64
		if _, err := fmt.Sscanf(string(rest), "iov_len=%d", &size); err != nil {
			return nil, false
		}
		size = min(size, n)
		one, good := plain(base, size)
		if !good {
			one = []piece{{nil, size}}
		}
		pieces = append(pieces, one...)
		n -= size
	}
	if n > 0 { // the list was cut
		pieces = append(pieces, piece{nil, n})
	}
	return pieces, ok
}

// message reads {msg_name=…, msg_iov=[…], …}.
func message(args []byte, n int64) ([]piece, bool) {
	_, rest, found := bytes.Cut(args, []byte("msg_iov="))
	if !found {
		return nil, false
	}
	return vector(rest, n)
}

// unseen: a file was sent, and strace does not show its bytes.
func unseen(args []byte, n int64) ([]piece, bool) { return []piece{{nil, n}}, true }

func reads(p payload) func(*straceSource, *call) error {
	return func(s *straceSource, c *call) error { return s.transfer(c, p, true) }
}

func writes(p payload) func(*straceSource, *call) error {
	return func(s *straceSource, c *call) error { return s.transfer(c, p, false) }
}

// transfer passes on the data that a call moved.
func (s *straceSource) transfer(c *call, find payload, in bool) error {
	arg, rest := nextArg(c.args)
	fd, about, ok := descriptor(arg)
	if !ok || c.failed {
		return nil
	}
	x := s.get(c.pid, fd, about)
	if x.file {
		return nil
	}
	side := x.ours
	if in {
		side = side.Other()
		if bytes.Contains(rest, []byte("MSG_PEEK")) {
			return nil // it will be read once more
		}
	}
	if c.ret == 0 {
		if in && x.begun {
			s.chunk(x, side, Chunk{Kind: ChunkFin})
		}
		return nil
	}
	pieces, ok := find(rest, c.ret)
	if !ok {
		s.chunk(x, side, Chunk{Kind: ChunkGap, Lost: c.ret})
		return errors.New("a call without the data it moved")
	}
	lost := int64(0)
	for _, p := range pieces {
		if len(p.data) > 0 {
			s.chunk(x, side, Chunk{Data: p.data})
		}
		if p.lost > 0 {
			s.chunk(x, side, Chunk{Kind: ChunkGap, Lost: p.lost})
			lost += p.lost
		}
	}
	if lost > 0 && !s.warned {
		s.warned = true // the others are as long
		return fmt.Errorf("%d of %d bytes are not in the trace: strace -s 65535 prints longer strings", lost, c.ret)
	}
	return nil
}

func accepted(s *straceSource, c *call) error {
	if c.failed {
		return nil
	}
	fd := int(c.ret)
	_, rest := nextArg(c.args)
	addr, _ := nextArg(rest)
	x := &traced{ours: B, info: s.info(c.pid, fd)}
	x.info.Network, x.info.Client = address(addr)
	x.about(string(bytes.TrimSuffix(c.retFd, []byte(">"))))
	s.set(s.table(c.pid), fd, x)
	if x.socket != "" {
		s.sockets[x.socket] = x
	}
	return nil
}

func connected(s *straceSource, c *call) error {
	arg, rest := nextArg(c.args)
	fd, _, ok := descriptor(arg)
	if !ok || c.failed && !bytes.Contains(c.rest, []byte("EINPROGRESS")) {
		return nil
	}
	addr, _ := nextArg(rest)
	x := &traced{ours: A, info: s.info(c.pid, fd)}
	x.info.Network, x.info.Server = address(addr)
	s.set(s.table(c.pid), fd, x)
	return nil
}

// opened: the descriptor that is returned is something new.
func opened(file bool) func(*straceSource, *call) error {
	return func(s *straceSource, c *call) error {
		if !c.failed {
			s.set(s.table(c.pid), int(c.ret), &traced{file: file, ours: A, info: s.info(c.pid, int(c.ret))})
		}
		return nil
	}
}

// openedPair: so are both in brackets.
func openedPair(s *straceSource, c *call) error {
	_, list, _ := bytes.Cut(c.args, []byte("["))
	list, _, _ = bytes.Cut(list, []byte("]"))
	for len(list) > 0 && !c.failed {
		var arg []byte
		arg, list = nextArg(list)
		if fd, _, ok := descriptor(arg); ok {
			s.set(s.table(c.pid), fd, &traced{file: !strings.HasPrefix(c.name, "socket"), info: s.info(c.pid, fd)})
		}
	}
	return nil
}

func closed(s *straceSource, c *call) error {
	if fd, _, ok := descriptor(c.args); ok && !c.failed {
		s.drop(s.table(c.pid), fd)
	}
	return nil
}

func shutdown(s *straceSource, c *call) error {
	arg, how := nextArg(c.args)
	fd, _, ok := descriptor(arg)
	x := s.table(c.pid).fds[fd]
	if ok && !c.failed && x != nil && x.begun && string(how) != "SHUT_RD" {
		s.chunk(x, x.ours, Chunk{Kind: ChunkFin})
	}
	return nil
}

func duplicated(s *straceSource, c *call) error {
	arg, rest := nextArg(c.args)
	fd, about, ok := descriptor(arg)
	if !ok || c.failed || strings.HasPrefix(c.name, "fcntl") && !bytes.HasPrefix(rest, []byte("F_DUPFD")) || int(c.ret) == fd {
		return nil
	}
	s.set(s.table(c.pid), int(c.ret), s.get(c.pid, fd, about))
	return nil
}

// cloned: a thread shares the descriptors, a process has a copy of them.
func cloned(s *straceSource, c *call) error {
	if c.failed || c.ret == 0 {
		return nil
	}
	child := fmt.Sprint(c.ret)
	t := s.table(c.pid)
	if bytes.Contains(c.args, []byte("CLONE_FILES")) {
		s.exit(child)
		s.tables[child] = t
		t.threads++
		return nil
	}
	copied := s.table(child)
	for fd, x := range t.fds {
		if copied.fds[fd] == nil {
			s.set(copied, fd, x)
		}
	}
	return nil
}

// address reads a socket address, such as {sa_family=AF_INET,
// sin_port=htons(9000), sin_addr=inet_addr("127.0.0.1")}.
func address(arg []byte) (network, addr string) {
	switch family := string(field(arg, "sa_family")); family {
	case "AF_UNIX", "AF_LOCAL":
		path := field(arg, "sun_path")
		abstract := bytes.HasPrefix(path, []byte("@"))
		name, _, _ := str(nil, bytes.TrimPrefix(path, []byte("@")))
		if abstract {
			return "unix", "@" + string(name)
		}
		return "unix", string(name)
	case "AF_INET", "AF_INET6":
		host := quoted(arg)
		_, port, _ := bytes.Cut(arg, []byte("htons("))
		port, _, _ = bytes.Cut(port, []byte(")"))
		return "tcp", net.JoinHostPort(host, string(port))
	}
	return "", ""
}

// quoted returns the first string in arg.
func quoted(arg []byte) string {
	i := bytes.IndexByte(arg, '"')
	if i < 0 {
		return ""
	}
	j := bytes.IndexByte(arg[i+1:], '"')
	if j < 0 {
		return ""
	}
	b, _, _ := str(nil, arg[i:i+j+2])
	return string(b)
}
