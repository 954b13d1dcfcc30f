package commands

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// offline prints the records of a request, and sends nothing.
func offline(ctx context.Context, env *Env, o requestOptions, t target, req client.Request) error {
	o.output.format.word = cmp.Or(o.output.format.word, "text")
	w, err := o.traces(env, false)
	if err != nil {
		return err
	}
	tr := w.connection(t, nil, env.Now())
	err = client.Write(ctx, io.Discard, req, tr.observer())
	if err != nil {
		err = failure(ctx, t, err)
	}
	w.keep(tr.close(env.Now(), flow.CloseUnknown, nil))
	if traceErr := w.close(); traceErr != nil {
		err = errors.Join(err, outputError{traceErr})
	}
	return err
}
