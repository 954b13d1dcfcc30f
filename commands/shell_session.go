package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A shellSession is a session of the command shell: connections, what is sent over them, and what is shown.
// One goroutine runs its commands; one for each connection shows what comes.
type shellSession struct {
	env      *Env
	o        *shellOptions
	settings recordSettings
	targets  map[string]target // that were opened, by their address
	lines    sessionLines      // what was done
	seen     *transcript       // what was seen
	recorder *recorder         // nil if nothing is recorded
	depth    int               // of load in load
	// interrupts tells of Ctrl-C while a command runs; nil: the process is told.
	interrupts chan struct{}

	mu      sync.Mutex // of what follows, and of all sinks
	shown   traces
	watch   shellWatch
	conns   []*shellConn  // by number
	current *shellConn    // nil if there is none
	changed chan struct{} // closed when something has happened; there is a new one then
	refused string        // what an application said no to, since the last verdict
	broken  string        // what it did against the protocol, likewise
}

// notify tells those that wait that something has happened. s.mu is held.
func (s *shellSession) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// close ends all connections, applications that were started, and sinks.
func (s *shellSession) close() error {
	for _, c := range s.conns {
		c.hangUp(flow.CloseByServer)
	}
	for _, t := range s.targets {
		t.close()
	}
	if err := s.shown.close(); err != nil {
		return outputError{err}
	}
	return nil
}

// open counts what waits for an answer: requests, and management records.
// s.mu is held.
func (s *shellSession) open() int {
	n := 0
	for _, c := range s.conns {
		n += c.waiting()
	}
	return n
}

// verdict says what the applications did wrong since the last time, or that of
// some that were waited for nothing came in time.
func (s *shellSession) verdict(late error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	broken, refused := s.broken, s.refused
	s.broken, s.refused = "", ""
	switch {
	case broken != "":
		return peerError{errors.New(broken)}
	case late != nil:
		return late
	case refused != "":
		return answerError{errors.New(refused)}
	}
	return nil
}

// using returns the connection that records are sent over.
func (s *shellSession) using() (*shellConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c := s.current; {
	case c == nil:
		return nil, withHint(usagef("there is no connection"), "connect ADDR makes one, such as: connect 127.0.0.1:9000")
	case c.closed && c.byUs:
		return nil, withHint(usagef("%s is closed", c.name()), "connect makes a new connection to the same address")
	case c.closed && s.broken != "":
		err := peerError{errors.New(s.broken)}
		s.broken = ""
		return nil, withHint(err, "connect makes a new connection to the same address")
	case c.closed:
		return nil, withHint(peerError{closedError{fmt.Errorf("%s is closed: %s", c.name(), c.how)}}, "connect makes a new connection to the same address")
	}
	return s.current, nil
}

// A closedError says that the application had closed the connection, which it
// may: every request on it had ended.
type closedError struct{ error }

// A shellWatch is the sink that keeps the state of requests. s.mu is held in
// its methods.
type shellWatch struct{ s *shellSession }

// Event implements pretty.Sink.
func (w *shellWatch) Event(e *flow.Event) error {
	if e.Conn == nil || e.Conn.N >= len(w.s.conns) {
		return nil
	}
	c := w.s.conns[e.Conn.N]
	if e.Request != nil {
		c.note(e.Request)
	}
	switch e.Kind {
	case flow.KindRecord:
		c.manage(e)
	case flow.KindDesync:
		if e.Dir == wire.ToServer {
			c.noFastCGI(e.Hint)
		}
	case flow.KindRequestEnded:
		if said := refusal(e.Request); said != "" && w.s.refused == "" {
			w.s.refused = fmt.Sprintf("%v: %s", c.target, said)
		}
	}
	return nil
}

// Close implements pretty.Sink.
func (w *shellWatch) Close() error { return nil }

// refusal is what an application said no to, "" if it did not.
func refusal(r *flow.Request) string {
	switch {
	case !r.Complete:
	case r.ProtocolStatus != wire.RequestComplete:
		return fmt.Sprintf("the application refused request %d: protocolStatus %v", r.ID, r.ProtocolStatus)
	case r.AppStatus != 0:
		return fmt.Sprintf("the application reports a failure of request %d: appStatus %d", r.ID, r.AppStatus)
	}
	return ""
}

// untimed is a sink that passes events on without their times, unless these
// are wanted: between two lines of a session they are the user's.
type untimed struct {
	pretty.Sink
	s *shellSession
}

func (u *untimed) Event(e *flow.Event) error {
	if !u.s.settings.times {
		at := e.At
		e.At = time.Time{}
		defer func() { e.At = at }()
	}
	return u.Sink.Event(e)
}

func (u *untimed) Flush() error { return pretty.Flush(u.Sink) }

// do runs one line.
func (s *shellSession) do(ctx context.Context, l *shellLine) error {
	if l.name == "" {
		return nil
	}
	c := findVerb(l.name)
	if c == nil {
		return l.fail(l.nameAt, unknownVerb(l.name), "unknown command %q", l.name)
	}
	if c.sends {
		s.lines.beginExchange(c.name, s.quiet())
	}
	if !c.waits {
		var stop context.CancelFunc
		ctx, stop = s.interruptible(ctx)
		defer stop()
	}
	if err := c.run(s, ctx, l); err != nil {
		if word := excuse(err); c.name == "wait" && word != "" {
			s.lines.add(l.text+" "+word, true) // so that it can be done again
		}
		return err
	}
	if c.kept {
		s.lines.add(l.text, c.sends || c.name == "wait")
	}
	return nil
}

// quiet reports whether nothing is open.
func (s *shellSession) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open() == 0
}

// script runs lines until the first error.
func (s *shellSession) script(ctx context.Context, in lineSource) error {
	a := assembler{in: in}
	for {
		l, err := a.next(ctx)
		if err != nil {
			return err
		}
		if l == nil {
			return nil
		}
		err = s.do(ctx, l)
		switch {
		case err == errExit:
			return nil
		case err != nil:
			return l.place(err)
		}
	}
}

// errExit ends the session.
var errExit = errors.New("exit")

// unknownVerb says what a word may have meant.
func unknownVerb(word string) string {
	var names []string
	for _, c := range shellVerbs() {
		names = append(names, c.name)
	}
	if near := wire.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	if t, err := wire.ParseType(word); err == nil && t.Known() {
		return "a line of the text form begins with >, such as: > " + t.String() + " id=1"
	}
	return "help lists the commands"
}

// sessionLines is what was done in a session.
type sessionLines struct {
	all      []string
	size     int
	lost     bool     // some, because there were too many
	exchange []string // the last ones that sent, since nothing was open
}

// maxSession is how many bytes of lines are kept, and of what was seen.
const maxSession = 4 << 20

// beginExchange is told that a command is about to send something, and whether
// nothing is open: so it is with the first of an exchange.
func (l *sessionLines) beginExchange(name string, quiet bool) {
	if n := len(l.exchange); quiet && (name == "begin" || name == "get-values" || n > 0 && strings.HasPrefix(l.exchange[n-1], "wait")) {
		l.exchange = nil
	}
}

func (l *sessionLines) add(line string, exchange bool) {
	if l.size += len(line) + 1; l.size > maxSession {
		l.lost = true
		return
	}
	line = strings.TrimSuffix(line, "\n")
	l.all = append(l.all, line)
	if exchange {
		l.exchange = append(l.exchange, line)
	}
}
