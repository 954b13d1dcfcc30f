package fpm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Metric is a number of the status page.
type Metric struct {
	Name       string // "listen-queue": the option of php-fpm-healthcheck
	Prometheus string // "phpfpm_listen_queue": the name in php-fpm_exporter
	Help       string // what it counts
	Counter    bool   // it only grows while php-fpm runs, for Prometheus
	Value      func(*Status) int64
}

// Key is the metric's key in the status page: "listen queue".
func (m Metric) Key() string { return strings.ReplaceAll(m.Name, "-", " ") }

// metrics are the ten of php-fpm-healthcheck, in the order of the page.
var metrics = []Metric{
	{"accepted-conn", "phpfpm_accepted_connections", "requests accepted since the start", true, func(s *Status) int64 { return s.AcceptedConn }},
	{"listen-queue", "phpfpm_listen_queue", "connections that wait for a worker", false, func(s *Status) int64 { return s.ListenQueue }},
	{"max-listen-queue", "phpfpm_max_listen_queue", "the most connections that waited at a time since the start", true, func(s *Status) int64 { return s.MaxListenQueue }},
	{"listen-queue-len", "phpfpm_listen_queue_length", "how many connections may wait", false, func(s *Status) int64 { return s.ListenQueueLen }},
	{"idle-processes", "phpfpm_idle_processes", "workers that are idle", false, func(s *Status) int64 { return s.IdleProcesses }},
	{"active-processes", "phpfpm_active_processes", "workers that are active, one of them with the status page", false, func(s *Status) int64 { return s.ActiveProcesses }},
	{"total-processes", "phpfpm_total_processes", "workers, idle and active", false, func(s *Status) int64 { return s.TotalProcesses }},
	{"max-active-processes", "phpfpm_max_active_processes", "the most workers that were active at a time since the start", true, func(s *Status) int64 { return s.MaxActiveProcesses }},
	{"max-children-reached", "phpfpm_max_children_reached", "how often pm.max_children was reached since the start (0 with pm = static)", true, func(s *Status) int64 { return s.MaxChildrenReached }},
	{"slow-requests", "phpfpm_slow_requests", "requests that took longer than request_slowlog_timeout", true, func(s *Status) int64 { return s.SlowRequests }},
}

// Metrics returns the numbers of the status page that thresholds are for.
func Metrics() []Metric { return slices.Clone(metrics) }

// A Bound is a threshold: the most, or the least, that is healthy.
type Bound struct {
	Metric Metric
	Least  bool // Limit is the least
	Limit  int64
}

// minPrefix marks the name of a bound that is the least.
const minPrefix = "min-"

// ParseBound reads NAME=LIMIT or min-NAME=LIMIT, NAME being that of a metric.
func ParseBound(s string) (Bound, error) {
	name, limit, ok := strings.Cut(s, "=")
	if !ok {
		return Bound{}, fmt.Errorf("fpm: threshold %q: want NAME=NUMBER", s)
	}
	n, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || n < 0 {
		return Bound{}, fmt.Errorf("fpm: threshold %q: %q is no number, 0 or more", s, limit)
	}
	base, least := strings.CutPrefix(name, minPrefix)
	for _, m := range metrics {
		if m.Name == base {
			return Bound{Metric: m, Least: least, Limit: n}, nil
		}
	}
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
	}
	if near := wire.Nearest(base, names); near != "" {
		return Bound{}, fmt.Errorf("fpm: threshold %q: php-fpm has no number %q (did you mean %s?)", s, base, near)
	}
	return Bound{}, fmt.Errorf("fpm: threshold %q: php-fpm has no number %q", s, base)
}

// Name returns the metric's name, with "min-" before it for the least.
func (b Bound) Name() string {
	if b.Least {
		return minPrefix + b.Metric.Name
	}
	return b.Metric.Name
}

// Broken returns what is wrong with s, such as "listen queue is 12, more than
// 10"; "" is nothing.
func (b Bound) Broken(s *Status) string {
	switch n := b.Metric.Value(s); {
	case b.Least && n < b.Limit:
		return fmt.Sprintf("%s is %d, less than %d", b.Metric.Key(), n, b.Limit)
	case !b.Least && n > b.Limit:
		return fmt.Sprintf("%s is %d, more than %d", b.Metric.Key(), n, b.Limit)
	}
	return ""
}
