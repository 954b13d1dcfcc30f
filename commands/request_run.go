package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A runner sends a request, once or several times.
type runner struct {
	env     *Env
	o       *requestOptions
	target  target
	request client.Request
	in      *input
	traces  *traces
	out     *bodyWriter

	meter *meter // nil: none is shown

	conn  *client.Conn // nil if there is none
	trace *trace
}

// all does what the user wants, and ends what is open.
func (r *runner) all(ctx context.Context) error {
	var err error
	if r.meter != nil {
		if n := int64(r.o.sending.repeat); n > 1 {
			r.meter.begin("", n, "request")
			r.out.many = true
		} else {
			r.meter.begin("waiting", -1, "")
		}
	}
	switch {
	case r.o.sending.mux > 1:
		err = r.mux(ctx, int(r.o.sending.mux))
	case r.o.sending.repeat > 1:
		err = r.repeat(ctx, int(r.o.sending.repeat))
	default:
		err = r.tries(ctx).err
	}
	r.hangUp(flow.CloseByServer)
	r.out.close()
	if r.out.err != nil && err == nil {
		err = r.out.err
	}
	return r.out.explain(err)
}

// tries sends the request until it succeeds or nothing is left to try, and
// reports on it.
func (r *runner) tries(ctx context.Context) *exchange {
	for try := 0; ; try++ {
		x := r.exchange()
		x.tries = try
		left := int(r.o.retrying.times) - try
		x.answer.passing = left > 0 && (r.o.retrying.all || x.repeatable())
		if r.connect(ctx, x) {
			how := x.run(ctx, r.conn)
			if errors.Is(x.err, client.ErrStale) { // before anything was sent
				complain(r.env, fmt.Sprintf("%v has closed the kept connection, connecting again", r.target))
				r.hangUp(flow.CloseByApp)
				x.err = nil
				if r.connect(ctx, x) {
					how = x.run(ctx, r.conn)
				}
			}
			r.out.empty = r.out.empty || x.answer.complete
			if r.conn != nil && (!r.o.sending.keep || !r.conn.Usable()) {
				r.hangUp(how)
			}
		}
		again := left > 0 && ctx.Err() == nil && r.o.retrying.mayRetry(x, x.err)
		if !again {
			r.report(x)
			return x
		}
		pause := r.o.retrying.pause(try + 1)
		complain(r.env, fmt.Sprintf("%s; trying again in %v, %d left", plain(x.err), pause, left))
		if err := sleep(ctx, pause); err != nil {
			r.report(x)
			return x
		}
	}
}

// exchange makes the request once more.
func (r *runner) exchange() *exchange {
	x := &exchange{env: r.env, o: r.o, target: r.target, request: r.request, start: r.env.Now()}
	if r.request.Stdin != nil {
		x.request.Stdin, x.bodySize = r.in.stdin.reader(), r.in.stdin.size
		if r.meter != nil && r.o.sending.repeat == 1 && x.bodySize > smallBody {
			r.meter.begin("sent", x.bodySize, "")
			x.request.Stdin = metered{x.request.Stdin, r.meter, "waiting"}
		}
	}
	x.request.Data = r.in.data.reader()
	x.answer = answer{env: r.env, o: &r.o.answer, out: r.out}
	return x
}

// connect makes a connection for x, unless there is one.
func (r *runner) connect(ctx context.Context, x *exchange) bool {
	if r.conn != nil {
		return true
	}
	nc, err := r.target.dial(ctx, r.env, time.Duration(r.o.timing.connect))
	if err != nil {
		x.err, x.finished = err, r.env.Now()
		return false
	}
	x.connects, x.connected = 1, r.env.Now()
	r.trace = r.traces.connection(r.target, nc, x.connected)
	r.conn = client.NewConn(nc, client.Options{
		InFlight:     int(r.o.sending.mux),
		Backpressure: true, // all answers are read at once
		Idle:         r.o.timing.idleLimit(),
		Linger:       time.Duration(r.o.sending.linger),
		Observe:      r.trace.observer(),
	})
	return true
}

// hangUp closes the connection, which ended as how says.
func (r *runner) hangUp(how flow.CloseKind) {
	if r.conn == nil {
		return
	}
	r.conn.Close()
	if err := r.trace.close(r.env.Now(), how, nil); err != nil {
		r.traces.keep(err)
	}
	r.conn, r.trace = nil, nil
}

// report keeps the cookies, and prints what --write-out and --timing ask for.
func (r *runner) report(x *exchange) {
	if err := r.o.params.header.cookies.keep(r.env, &r.in.cookies, x.answer.header); err != nil {
		x.err = errors.Join(x.err, err)
	}
	if r.o.sending.repeat <= 1 {
		r.meter.rest()
	}
	if r.o.writeOut.given {
		r.out.flush()
		x.err = errors.Join(x.err, r.o.writeOut.write(r.env, x))
	}
	if r.o.showTiming {
		_ = x.tellTiming(r.env.Stderr)
	}
}
