// Package exporter shows pools of php-fpm to Prometheus, under the names and
// labels of php-fpm_exporter, so that its dashboards and alerts go on working.
package exporter

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

const (
	defaultTimeout = 3 * time.Second // Exporter.Timeout
	poolsAtOnce    = 16              // that are asked at the same time
)

// A Pool is one that is scraped.
type Pool struct {
	URI    string // the label scrape_uri
	Client *fpm.Client
}

// An Exporter is an http.Handler that asks the pools whenever it is asked:
// /metrics has the metrics, /-/healthy says that the exporter runs. One answer
// is made at a time; who comes in between waits, so that many clients do not
// occupy many workers.
type Exporter struct {
	// Timeout is how long a pool has for its answer; 0 is 3 s.
	Timeout time.Duration
	// Report is told of a pool that answers for the first time or again (nil),
	// or for the first time not. It is called by several goroutines at once;
	// nil is nobody.
	Report func(uri string, err error)

	turn  chan struct{} // held by who asks
	pools []*pool
	mux   http.ServeMux
}

// A pool is what is known of one, with the exporter's turn.
type pool struct {
	Pool
	name     string // as of the last answer
	failures uint64
	asked    bool
	up       bool
}

// New returns an exporter of pools.
func New(pools []Pool) *Exporter {
	e := &Exporter{turn: make(chan struct{}, 1)}
	for _, p := range pools {
		e.pools = append(e.pools, &pool{Pool: p})
	}
	e.mux.HandleFunc("GET /metrics", e.serveMetrics)
	e.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "healthy\n") })
	e.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>php-fpm</title><a href=\"metrics\">metrics</a>\n")
	})
	return e
}

// ServeHTTP implements http.Handler.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.mux.ServeHTTP(w, r) }

func (e *Exporter) serveMetrics(w http.ResponseWriter, r *http.Request) {
	samples, err := e.Collect(r.Context())
	if err != nil {
		http.Error(w, "gave up waiting for another scrape", http.StatusServiceUnavailable)
		return
	}
	var b bytes.Buffer
	Write(&b, samples)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes())
}

// A Sample is what is known of a pool at a time.
type Sample struct {
	URI      string      // the label scrape_uri
	Pool     string      // its name; "" as long as it has never answered
	Failures uint64      // how often it did not answer
	Status   *fpm.Status // nil: it does not answer
}

// Collect asks all pools, in the order in which they were given. The error is
// that of ctx, which ended before it was our turn.
func (e *Exporter) Collect(ctx context.Context) ([]Sample, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	timeout := e.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	samples := make([]Sample, len(e.pools))
	places := make(chan struct{}, poolsAtOnce)
	var asked sync.WaitGroup
	for i, p := range e.pools {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			samples[i] = p.ask(ctx, e.Report)
		})
	}
	asked.Wait()
	return samples, nil
}

func (p *pool) ask(ctx context.Context, report func(string, error)) Sample {
	s, err := p.Client.Status(ctx, true)
	if err != nil {
		p.failures++
	} else {
		p.name = s.Pool
	}
	if report != nil && (!p.asked || p.up != (err == nil)) {
		report(p.URI, err)
	}
	p.asked, p.up = true, err == nil
	return Sample{URI: p.URI, Pool: p.name, Failures: p.failures, Status: s}
}
