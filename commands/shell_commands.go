package commands

import (
	"context"
	"fmt"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A shellVerb is a command of a session.
type shellVerb struct {
	name, args string
	help       string    // one line
	more       string    // what else help says of it
	record     wire.Type // that it sends; 0 if it is none in particular
	words      bool      // what follows is split as a shell does
	sends      bool      // over the current connection
	kept       bool      // it is part of what save writes
	waits      bool      // it takes Ctrl-C itself
	run        func(*shellSession, context.Context, *shellLine) error
	// complete returns what the word after those before can become; nil: nothing.
	complete func(s *shellSession, before []string, word string) []string
}

// shellVerbs is the table of commands, in the order of help. It is a function
// because help reads it, too.
func shellVerbs() []shellVerb {
	return []shellVerb{
		{name: "connect", args: "[ADDR]", help: "make a connection; without ADDR, to where the last one went", words: true, kept: true, complete: addressWords, run: (*shellSession).connectLine},
		{name: "use", args: "N", help: "go on with connection N", kept: true, run: (*shellSession).use},
		{name: "close", args: "[fin|rst]", help: "close the connection; fin: only our direction; rst: reset it", kept: true, complete: oneOf("fin", "rst"), run: (*shellSession).closeLine},
		{name: "begin", args: "[ID] [ROLE] [keep] [FIELD=VALUE…]", help: "BEGIN_REQUEST: begin a request", record: wire.TypeBeginRequest, sends: true, kept: true, complete: ofRecord(wire.TypeBeginRequest, append(roleWords(), "keep")...), run: (*shellSession).begin,
			more: "ROLE is responder (also if there is none), authorizer or filter. keep asks the application to keep the connection. Without ID it is the lowest that is not open."},
		{name: "params", args: "[ID] [NAME=VALUE…]", help: "PARAMS: parameters; none at all end the stream", record: wire.TypeParams, sends: true, kept: true, complete: ofRecord(wire.TypeParams), run: streamOf(wire.TypeParams),
			more: "Names and values with blanks need quotes: \"A B\"=\"c d\". A parameter that is called id, pad, len, version, padding or reserved does, too: \"id\"=1."},
		{name: "stdin", args: "[ID] [\"TEXT\"|@FILE]", help: "STDIN: the body; nothing ends the stream", record: wire.TypeStdin, sends: true, kept: true, complete: ofRecord(wire.TypeStdin, "@"), run: streamOf(wire.TypeStdin)},
		{name: "data", args: "[ID] [\"TEXT\"|@FILE]", help: "DATA: the file of a filter; nothing ends the stream", record: wire.TypeData, sends: true, kept: true, complete: ofRecord(wire.TypeData, "@"), run: streamOf(wire.TypeData)},
		{name: "abort", args: "[ID]", help: "ABORT_REQUEST: give a request up", record: wire.TypeAbortRequest, sends: true, kept: true, complete: ofRecord(wire.TypeAbortRequest), run: (*shellSession).abort},
		{name: "end", args: "[ID] [APPSTATUS] [STATUS]", help: "END_REQUEST, which only applications may send: see what yours does", record: wire.TypeEndRequest, sends: true, kept: true, complete: ofRecord(wire.TypeEndRequest), run: (*shellSession).endRequest},
		{name: "get-values", args: "[NAME…]", help: "GET_VALUES: ask what the application can do", record: wire.TypeGetValues, sends: true, kept: true, complete: ofRecord(wire.TypeGetValues), run: (*shellSession).getValues},
		{name: "raw", args: "HEX…|\"TEXT\"…", help: "send bytes; lines of hex digits do it without the word", sends: true, kept: true, run: (*shellSession).raw},
		{name: "send", args: "LINE", help: "send a line of the text form, legal or not; one that begins with > needs no word", sends: true, kept: true, run: (*shellSession).send},
		{name: "wait", args: "[TIME] [closed] [any] [late] [lost]", help: "wait until all that is open has ended, or nothing has come for TIME", kept: true, waits: true, complete: oneOf(waitWords...), run: (*shellSession).wait,
			more: "closed: until the application has closed the connection, too. It fails when a status is not 0, unless any is given; when nothing has come for TIME, unless late is; and when an application breaks the protocol, such as by closing the connection inside a request, unless lost is."},
		{name: "show", help: "show every request as the rules of the protocol see it", run: (*shellSession).show,
			more: "The numbers are parameters and bytes; a full stop behind one says that the stream was ended. The state is open, aborted (and not ended yet), ended, lost with the connection, or what END_REQUEST said else."},
		{name: "request", args: "[ADDR] URL [FLAGS]", help: "the command request, over a connection of its own", words: true, kept: true, complete: requestWords, run: (*shellSession).request,
			more: "With one argument, ADDR is that of the current connection. request --help explains the flags. Standard input is empty."},
		{name: "again", help: "send once more what was sent since nothing was open", waits: true, run: (*shellSession).again,
			more: "On a connection that is closed, after a new one to the same address."},
		{name: "save", args: "FILE [force]", help: "write the lines of this session; as FILE.txtar, what was seen, too", words: true, complete: fileWords, run: (*shellSession).save,
			more: "load runs such a file again, and compares. Both hold what you typed, secrets included, whatever --redact masks; only you may read the file. force writes over one that is there."},
		{name: "load", args: "FILE", help: "run the lines of FILE; if it says what was seen, compare", words: true, waits: true, complete: fileWords, run: (*shellSession).load,
			more: "Each direction of a connection is compared by itself. How a stream is cut into records, padding and reserved bytes do not count, nor does it that a connection has ended since."},
		{name: "record", args: "FILE [force] | off", help: "keep what is sent and what comes from now on as pcapng", words: true, complete: fileWords, run: (*shellSession).record},
		{name: "set", args: "[NAME [VALUE]]", help: "show or change how records are made", kept: true, complete: settingWords, run: (*shellSession).set},
		{name: "help", args: "[COMMAND|TOPIC]", help: "list the commands, or explain", complete: helpWords, run: (*shellSession).helpLine},
		{name: "exit", help: "end the session", run: func(_ *shellSession, _ context.Context, l *shellLine) error {
			if err := l.none(); err != nil {
				return err
			}
			return errExit
		}},
	}
}

// plainLines are the commands of lines that begin with none.
func plainLines() []shellVerb {
	return []shellVerb{
		{name: textName, sends: true, kept: true, complete: typeWords, run: (*shellSession).entry},
		{name: hexName, sends: true, kept: true, run: (*shellSession).hex},
	}
}

// findVerb returns the command of that name, nil if there is none.
func findVerb(name string) *shellVerb {
	for _, c := range append(shellVerbs(), plainLines()...) {
		if c.name == name || c.name == "exit" && name == "quit" {
			return &c
		}
	}
	return nil
}

// streamOf returns the command that sends records of type t. Input that the
// application did not wait for is no mistake: it may answer early, and close.
func streamOf(t wire.Type) func(*shellSession, context.Context, *shellLine) error {
	return func(s *shellSession, ctx context.Context, l *shellLine) error {
		err := s.stream(ctx, l, t)
		if id := s.answered(l); id != 0 && is[closedError](err) {
			complain(s.env, fmt.Sprintf("not sent: request %d has ended already, and the application closed the connection", id))
			return nil
		}
		return err
	}
}

// answered returns the id of the request that a line is about if that has ended
// properly, else 0.
func (s *shellSession) answered(l *shellLine) uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current
	if c == nil {
		return 0
	}
	id := c.lastID
	if words := l.words(); len(words) > 0 {
		if n, err := strconv.ParseUint(words[0].text, 10, 16); err == nil {
			id = uint16(n)
		}
	}
	for _, r := range c.requests {
		if r.ID == id && r.Complete {
			return id
		}
	}
	return 0
}

// connectLine is connect [ADDR].
func (s *shellSession) connectLine(ctx context.Context, l *shellLine) error {
	args, err := l.args()
	switch {
	case err != nil:
		return err
	case len(args) > 1:
		return l.fail(args[1].at, "connect 'exec:COMMAND ARG…' needs quotes", "unexpected %q", args[1].text)
	case len(args) == 1:
		if _, err := parseTarget(args[0].text); err != nil {
			return l.fail(args[0].at, hintOf(err), "%s", plain(err))
		}
		return s.connect(ctx, args[0].text)
	case s.current == nil:
		return l.fail(l.restAt, "such as: connect 127.0.0.1:9000", "no address")
	}
	return s.connect(ctx, s.current.addr)
}

// use makes another connection the current one.
func (s *shellSession) use(_ context.Context, l *shellLine) error {
	words := l.words()
	switch {
	case len(words) == 0:
		return l.fail(l.restAt, "show lists them, such as: use 0", "no number of a connection")
	case len(words) > 1:
		return l.fail(words[1].at, "use takes the number of one connection", "unexpected %q", words[1].text)
	}
	n, err := strconv.Atoi(words[0].text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || n < 0 || n >= len(s.conns) {
		return l.fail(words[0].at, "show lists them", "there is no connection %q", words[0].text)
	}
	s.current = s.conns[n]
	return nil
}

// closeLine is close [fin|rst]. That the application was faster, and closed what
// it may close, is no mistake.
func (s *shellSession) closeLine(_ context.Context, l *shellLine) error {
	how := ""
	for i, w := range l.words() {
		if i > 0 || w.text != "fin" && w.text != "rst" {
			return l.fail(w.at, near(w.text, []string{"fin", "rst"}), "unexpected %q", w.text)
		}
		how = w.text
	}
	c, err := s.using()
	switch {
	case how == "" && is[closedError](err):
		return nil
	case err != nil:
		return err
	case how == "fin":
		return c.halfClose()
	case how == "rst":
		return s.reset(c)
	}
	c.hangUp(flow.CloseByServer)
	return nil
}
