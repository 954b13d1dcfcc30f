package exporter

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// workerMetrics are the numbers of a worker.
var workerMetrics = []struct {
	name, help string
	counter    bool
	value      func(fpm.Process) float64
}{
	{"phpfpm_process_requests", "requests that the worker has served", true, func(p fpm.Process) float64 { return float64(p.Requests) }},
	{"phpfpm_process_request_duration", "microseconds that the worker's request takes or took", false, func(p fpm.Process) float64 { return float64(p.RequestDuration) }},
	{"phpfpm_process_last_request_cpu", "percent of a CPU that the worker's last request took", false, func(p fpm.Process) float64 { return p.LastRequestCPU }},
	{"phpfpm_process_last_request_memory", "the most bytes of memory that the worker's last request took", false, func(p fpm.Process) float64 { return float64(p.LastRequestMemory) }},
}

// Write writes samples in the text format of Prometheus. Each metric stands
// together, as the format wants it.
func Write(w io.Writer, samples []Sample) error {
	var b bytes.Buffer
	up := slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Status == nil })
	describe(&b, "phpfpm_up", "whether the pool answers", false, samples)
	for _, s := range samples {
		writeNumber(&b, "phpfpm_up"+labels(s), float64(btoi(s.Status != nil)))
	}
	describe(&b, "phpfpm_scrape_failures", "how often the pool did not answer", true, samples)
	for _, s := range samples {
		writeNumber(&b, "phpfpm_scrape_failures"+labels(s), float64(s.Failures))
	}
	describe(&b, "phpfpm_start_since", "seconds since php-fpm has started", true, up)
	for _, s := range up {
		writeNumber(&b, "phpfpm_start_since"+labels(s), float64(s.Status.StartSince))
	}
	for _, m := range fpm.Metrics() {
		describe(&b, m.Prometheus, m.Help, m.Counter, up)
		for _, s := range up {
			writeNumber(&b, m.Prometheus+labels(s), float64(m.Value(s.Status)))
		}
	}
	workers := slices.DeleteFunc(up, func(s Sample) bool { return len(s.Status.Processes) == 0 })
	for _, m := range workerMetrics {
		describe(&b, m.name, m.help, m.counter, workers)
		for _, s := range workers {
			for i, p := range s.Status.Processes {
				writeNumber(&b, m.name+labels(s, "child", strconv.Itoa(i)), m.value(p))
			}
		}
	}
	describe(&b, "phpfpm_process_state", "1 for the state that the worker is in, 0 for the others", false, workers)
	for _, s := range workers {
		for i, p := range s.Status.Processes {
			writeState(&b, s, strconv.Itoa(i), p.State)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeNumber writes a line. The format is so simple that no library is worth
// its start in every run of the program.
func writeNumber(b *bytes.Buffer, name string, v float64) {
	b.WriteString(name + " " + strconv.FormatFloat(v, 'f', -1, 64) + "\n")
}

// writeState writes a line for each state that there is.
func writeState(b *bytes.Buffer, s Sample, child, state string) {
	states := fpm.States()
	if !slices.Contains(states, state) {
		states = append(states, state)
	}
	for _, one := range states {
		writeNumber(b, "phpfpm_process_state"+labels(s, "child", child, "state", one), float64(btoi(one == state)))
	}
}

// describe writes what a metric is, if somebody has it.
func describe(b *bytes.Buffer, name, help string, counter bool, who []Sample) {
	if len(who) == 0 {
		return
	}
	kind := "gauge"
	if counter {
		kind = "counter"
	}
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// value returns the value of a label, in quotes. What is not printable has no
// place in a name, and metrics are read on terminals, too.
func value(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
	return `"` + labelEscapes.Replace(s) + `"`
}

// labels returns the labels of a pool, and more, as names and values.
func labels(s Sample, more ...string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range len(more) / 2 {
		b.WriteString(more[2*i] + "=" + value(more[2*i+1]) + ",")
	}
	b.WriteString("pool=" + value(s.Pool) + ",scrape_uri=" + value(s.URI) + "}")
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
