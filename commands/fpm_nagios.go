package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// The states of a Nagios plugin are its exit codes.
const (
	nagiosOK = iota
	nagiosWarning
	nagiosCritical
	nagiosUnknown
)

var nagiosWords = [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// nagiosRank orders the states from well to bad; the worst pool decides.
var nagiosRank = [...]int{nagiosOK: 0, nagiosWarning: 1, nagiosUnknown: 2, nagiosCritical: 3}

// fpmNagios prints one line on stdout, as plugins do: the state, what is wrong
// with which pool, and performance data.
func fpmNagios(ctx context.Context, env *Env, o fpmCheckOptions) error {
	checked, err := checkPools(ctx, env, o)
	if err != nil {
		return nagiosUnknowable(env, err)
	}
	state := nagiosOK
	var words, data []string
	for _, c := range checked {
		s, text := c.nagios()
		if nagiosRank[s] > nagiosRank[state] {
			state = s
		}
		words = append(words, pretty.Clean(text))
		if c.err == nil {
			prefix := ""
			if len(checked) > 1 {
				prefix = c.status.Pool + " "
			}
			data = append(data, o.perfdata(prefix, c.status)...)
		}
	}
	line := fmt.Sprintf("FPM %s - %s", nagiosWords[state], strings.ReplaceAll(strings.Join(words, ", "), "|", "/"))
	if len(data) > 0 {
		line += " | " + strings.Join(data, " ")
	}
	if err := write(env.Stdout, []byte(line+"\n")); err != nil || state == nagiosOK {
		return err
	}
	return silenced{withStatus(state, errors.New(line))}
}

// nagios judges one pool. That it cannot be reached, or does not answer, is
// critical; that it answers something else is not known to be.
func (c checkedPool) nagios() (state int, text string) {
	switch {
	case c.err != nil && (is[connectError](c.err) || is[timeoutError](c.err)):
		return nagiosCritical, plain(c.err)
	case c.err != nil:
		return nagiosUnknown, plain(c.err)
	case len(c.broken) > 0:
		return nagiosCritical, c.status.Pool + ": " + strings.Join(c.broken, "; ")
	case len(c.warned) > 0:
		return nagiosWarning, c.status.Pool + ": " + strings.Join(c.warned, "; ")
	}
	return nagiosOK, c.status.Pool + ": " + gist(c.status)
}

// perfdata returns 'label'=value[c];warn;crit;0 for each metric. The ranges are
// those of the plugin guidelines: MOST, LEAST: and LEAST:MOST are healthy.
func (o *fpmCheckOptions) perfdata(prefix string, s *fpm.Status) []string {
	warn, _ := o.warnings() // were read before
	var data []string
	for _, m := range fpm.Metrics() {
		unit := ""
		if m.Counter && !strings.HasPrefix(m.Name, "max-") || m.Name == "max-children-reached" {
			unit = "c"
		}
		label := strings.NewReplacer("'", "", "=", "").Replace(pretty.Clean(prefix)) + m.Name
		data = append(data, fmt.Sprintf("'%s'=%d%s;%s;%s;0", label, m.Value(s), unit, nagiosRange(m, warn), nagiosRange(m, o.set())))
	}
	return data
}

func nagiosRange(m fpm.Metric, bounds []fpm.Bound) string {
	least, most := "", ""
	for _, b := range bounds {
		switch {
		case b.Metric.Name != m.Name:
		case b.Least:
			least = fmt.Sprintf("%d:", b.Limit)
		default:
			most = fmt.Sprint(b.Limit)
		}
	}
	return least + most
}
