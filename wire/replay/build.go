package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// decide plans a request, or leaves it out.
func (p *Plan) decide(m *making) error {
	leave := func(why Reason) error {
		p.left = append(p.left, Left{m.Request, why})
		return nil
	}
	if m.holes[wire.ToServer] {
		m.want.how = Missing
	}
	switch {
	case p.Chosen != nil && !p.Chosen(m.Conn, m.Seq):
		p.unchosen++
		return nil
	case !m.whole(p.Exact):
		return leave(Incomplete)
	case !p.Unsafe && m.unsafe():
		return leave(Unsafe)
	case !p.All && m.flow.Aborted:
		return leave(Aborted)
	case !p.All && m.want.how == Missing:
		return leave(Unanswered)
	}
	m.aborted = m.flow.Aborted
	if err := m.want.learn(&p.store); err != nil {
		return err
	}
	m.planned = true
	if p.Exact {
		return nil
	}
	return p.build(m)
}

// whole reports whether nothing of the request is missing. What is sent as it
// was may well be wrong.
func (m *making) whole(exact bool) bool {
	if m.holes[wire.ToApp] || !m.begun {
		return false
	}
	return exact || m.flow.ParamsEnded && (m.flow.StdinEnded || m.flow.Stdin >= m.flow.ContentLength)
}

// safe are the methods that change nothing. See RFC 9110, section 9.2.1, and
// RFC 4918, section 9.1.
var safe = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"}

// unsafe reports whether the request may change something: by its method, or
// by a body where it has none.
func (m *making) unsafe() bool {
	if m.Method == "" {
		return m.flow.Stdin > 0
	}
	return !slices.Contains(safe, m.Method)
}

// build makes the bytes of a request anew.
func (p *Plan) build(m *making) error {
	content, err := p.store.bytes(m.params, maxParams+1)
	if err != nil {
		return err
	}
	if len(content) > maxParams {
		return fmt.Errorf("replay: the parameters of %s are more than %d MiB", m.Name(), maxParams>>20)
	}
	// What is no whole pair at the end cannot be said in another way.
	pairs, err := wire.ParsePairs(content)
	if err != nil {
		m.planned = false
		p.left = append(p.left, Left{m.Request, Incomplete})
		return nil
	}
	if p.Edit != nil {
		pairs = p.Edit(pairs)
	}
	w := &storeWriter{s: &p.store}
	r := client.Request{Role: m.Role, Keep: m.keep && !p.Fresh, ID: m.ID, Params: pairs}
	if len(m.stdin) > 0 {
		r.Stdin = p.store.reader(m.stdin)
	}
	if len(m.data) > 0 {
		r.Data = p.store.reader(m.data)
	}
	err = client.Write(context.Background(), w, r, nil)
	m.at.bytes = w.written
	return err
}

// A storeWriter writes into a store.
type storeWriter struct {
	s       *store
	written spans
}

func (w *storeWriter) Write(p []byte) (int, error) {
	piece, err := w.s.add(p)
	if err != nil {
		return 0, err
	}
	w.written.add(piece)
	return len(p), nil
}
