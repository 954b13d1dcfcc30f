package fpm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// TestMetrics: every number has the key of the status page, and is that number.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s, err := fpm.ParseStatus([]byte(idlePool))
	if err != nil {
		t.Fatal(err)
	}
	var page map[string]any
	if err := json.Unmarshal([]byte(idlePool), &page); err != nil {
		t.Fatal(err)
	}
	if n := len(fpm.Metrics()); n != 10 {
		t.Errorf("%d metrics, php-fpm-healthcheck has 10", n)
	}
	for _, m := range fpm.Metrics() {
		if want, ok := page[m.Key()].(float64); !ok || m.Value(s) != int64(want) {
			t.Errorf("%s is %d, the page says %v", m.Name, m.Value(s), page[m.Key()])
		}
		if !strings.HasPrefix(m.Prometheus, "phpfpm_") || m.Help == "" {
			t.Errorf("%+v", m)
		}
	}
}

// TestBounds: what is healthy, at the border and beyond it.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := &fpm.Status{IdleProcesses: 2}
	for in, want := range map[string]string{
		"idle-processes=2":     "",
		"idle-processes=1":     "idle processes is 2, more than 1",
		"min-idle-processes=2": "",
		"min-idle-processes=3": "idle processes is 2, less than 3",
		"slow-requests=0":      "",
	} {
		b, err := fpm.ParseBound(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := b.Broken(s); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
		if name, _, _ := strings.Cut(in, "="); b.Name() != name {
			t.Errorf("%s: name %q", in, b.Name())
		}
	}
	for _, bad := range []string{"", "idle-processes", "idle-processes=", "idle-processes=-1", "idle-processes=many", "idle=1", "max-idle-processes=1"} {
		if b, err := fpm.ParseBound(bad); err == nil {
			t.Errorf("%q: %+v", bad, b)
		}
	}
}
