package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// tryMultiplex finds out whether the application takes two requests at once on
// a connection, prints it, and compares it with what it said in values.
func (o *getValuesOptions) tryMultiplex(ctx context.Context, env *Env, t target, values []wire.Pair) error {
	params, err := (&cgi.Request{URL: "/"}).Params()
	if err != nil {
		return err
	}
	nc, err := t.dial(ctx, env, time.Duration(o.timing.connect))
	if err != nil {
		return err
	}
	tr, err := o.trace(env, t, nc, 1)
	if err != nil {
		nc.Close()
		return err
	}
	limit := time.Duration(o.timing.idle)
	if limit == 0 {
		limit = time.Hour
	}
	report, err := client.TryMultiplex(ctx, nc, tr.observer(), params, limit)
	how := flow.CloseByServer
	if report.Closed {
		how = flow.CloseByApp
	}
	if traceErr := tr.close(env.Now(), how, nil); traceErr != nil {
		return outputError{traceErr}
	}
	if err != nil {
		return failure(ctx, t, err)
	}
	if err := printMultiplex(env, o.format.word, report); err != nil {
		return err
	}
	said, _ := wire.Lookup(values, wire.MpxsConns)
	switch {
	case string(said) == "1" && report.Result != client.MultiplexWorks:
		return peerError{fmt.Errorf("%v: it says FCGI_MPXS_CONNS=1, but does not take two requests at once", t)}
	case report.Result == client.MultiplexUnanswered && !report.Closed:
		return timeoutError{fmt.Errorf("%v: two requests at once: no answer for %v (--timeout)", t, limit)}
	}
	return nil
}

// multiplexWords has the word and the sentence for each result. In the
// sentence, %d is the request that was answered first.
var multiplexWords = [...]struct{ word, text string }{
	client.MultiplexUnanswered: {"unanswered", "of two interleaved requests none was answered"},
	client.MultiplexLost:       {"lost", "of two interleaved requests only %d was answered"},
	client.MultiplexRefused:    {"refused", "one of two interleaved requests was refused with CANT_MPX_CONN"},
	client.MultiplexWorks:      {"works", "two interleaved requests were both answered, %d first"},
}

// multiplexText is the sentence for a report.
func multiplexText(r client.MultiplexReport) string {
	text := multiplexWords[r.Result].text
	if r.Result == client.MultiplexLost || r.Result == client.MultiplexWorks {
		text = fmt.Sprintf(text, r.Ended[0])
	}
	switch {
	case r.Closed:
		text += "; then it closed the connection"
	case r.Err != nil && len(r.Ended) > 0:
		text += "; then nothing came"
	}
	return text
}

func printMultiplex(env *Env, format string, r client.MultiplexReport) error {
	word, text := multiplexWords[r.Result].word, multiplexText(r)
	if format == "jsonl" {
		line := pretty.AppendText([]byte{'{'}, "multiplexing", []byte(word))
		return write(env.Stdout, append(pretty.AppendText(line, "why", []byte(text)), "}\n"...))
	}
	return write(env.Stdout, fmt.Appendf(nil, "multiplexing: %s (%s)\n", word, text))
}
