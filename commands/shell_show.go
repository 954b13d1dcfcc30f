package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
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
	c.refresh()
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
	rows := [][]string{{"    id", "role", "state", "params", "stdin", "data", "stdout", "stderr", "http", "findings", "what"}}
	for i := range c.requests {
		rows = append(rows, requestRow(&c.requests[i]))
	}
	rows = withoutColumn(rows, "data")
	rows = withoutColumn(rows, "stderr")
	return pretty.TableIn(s.env.Stdout, s.env.Terminal.columns(), rows[0], rows[1:])
}

// withoutColumn takes a column away in which there is nothing but 0.
func withoutColumn(rows [][]string, name string) [][]string {
	n := slices.Index(rows[0], name)
	for _, row := range rows[1:] {
		if row[n] != "0" {
			return rows
		}
	}
	for i := range rows {
		rows[i] = slices.Delete(rows[i], n, n+1)
	}
	return rows
}

// requestRow is a request as a row of show.
func requestRow(r *flow.Request) []string {
	status := "-"
	if r.Status != 0 {
		status = strconv.Itoa(r.Status)
	}
	return []string{
		fmt.Sprintf("    %d", r.ID), r.Role.String(), requestState(r),
		streamCell(int64(r.Params), r.ParamsEnded), streamCell(r.Stdin, r.StdinEnded), streamCell(r.Data, r.DataEnded),
		streamCell(r.Stdout, r.StdoutEnded), streamCell(r.Stderr, r.StderrEnded),
		status, strconv.Itoa(r.Findings), pretty.Clean(strings.TrimSpace(string(r.Method) + " " + string(r.URI))),
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

// requestState is how far a request is.
func requestState(r *flow.Request) string {
	switch {
	case r.Complete && r.ProtocolStatus != wire.RequestComplete:
		return r.ProtocolStatus.String()
	case r.Complete && r.AppStatus != 0:
		return fmt.Sprintf("appStatus %d", r.AppStatus)
	case r.Complete:
		return "ended"
	case !r.EndedAt.IsZero():
		return "lost" // with the connection
	case r.Aborted:
		return "aborted"
	}
	return "open"
}
