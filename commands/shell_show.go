package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// print shows what a command prints, apart from what comes meanwhile.
func (s *shellSession) print(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(); err != nil {
		return outputError{err}
	}
	return nil
}

func (s *shellSession) say(text string) error {
	return s.print(func() error {
		_, err := s.env.Stdout.Write([]byte(text))
		return err
	})
}

// show prints every connection, and the state of every request as the rules see
// it: those that are open, and the last ones that have ended.
func (s *shellSession) show(_ context.Context, l *shellLine) error {
	if err := l.none(); err != nil {
		return err
	}
	return s.print(func() error {
		if len(s.conns) == 0 {
			_, err := s.env.Stdout.Write([]byte("no connection\n"))
			return err
		}
		for _, c := range s.conns {
			if err := s.showConn(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *shellSession) showConn(c *shellConn) error {
	mark := " "
	if c == s.current {
		mark = "*"
	}
	state := "open"
	if c.closed {
		state = "closed: " + c.how
	}
	if !c.closed && !s.o.stable {
		state += ", idle for " + shortTime(s.env.Now().Sub(c.last).Round(time.Millisecond))
	}
	if c.questions > 0 {
		state += ", " + plural(c.questions, "question", "") + " without an answer"
	}
	if _, err := fmt.Fprintf(s.env.Stdout, "%s %d %s: %s\n", mark, c.n, pretty.Clean(c.target.String()), state); err != nil {
		return err
	}
	if len(c.requests) == 0 {
		return nil
	}
	rows := make([][]string, 0, len(c.requests))
	for i := range c.requests {
		rows = append(rows, requestRow(&c.requests[i]))
	}
	return pretty.Table(s.env.Stdout, []string{"    request", "role", "params", "stdin", "data", "stdout", "stderr", "status", "state", "findings", "what"}, rows)
}

// requestRow is a request as a row of show.
func requestRow(r *flow.Request) []string {
	status := "-"
	if r.Status != 0 {
		status = strconv.Itoa(r.Status)
	}
	return []string{
		fmt.Sprintf("    %d", r.ID), r.Role.String(),
		streamCell(int64(r.Params), r.ParamsEnded), streamCell(r.Stdin, r.StdinEnded), streamCell(r.Data, r.DataEnded),
		streamCell(r.Stdout, r.StdoutEnded), streamCell(r.Stderr, r.StderrEnded),
		status, requestState(r), strconv.Itoa(r.Findings), pretty.Clean(strings.TrimSpace(string(r.Method) + " " + string(r.URI))),
	}
}

// streamCell is how much of a stream there was, with a full stop if that was
// all.
func streamCell(n int64, ended bool) string {
	cell := strconv.FormatInt(n, 10)
	if ended {
		cell += "."
	}
	return cell
}

func requestState(r *flow.Request) string {
	switch {
	case r.Complete && r.AppStatus != 0:
		return fmt.Sprintf("ended, appStatus %d", r.AppStatus)
	case r.Complete:
		return "ended, " + r.ProtocolStatus.String()
	case !r.EndedAt.IsZero():
		return "lost with the connection"
	case r.Aborted:
		return "aborted, not ended"
	}
	return "open"
}
