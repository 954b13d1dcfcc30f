package commands

import "testing"

func TestGarbageRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set, value string
		want       int
	}{
		{"", "", roomSize},
		{"GOGC", "50", 0},
		{"GOGC", "off", 0},
		{"GOMEMLIMIT", "32MiB", 0},
		{"GODEBUG", "x", roomSize},
	} {
		getenv := func(name string) string {
			if name == c.set {
				return c.value
			}
			return ""
		}
		if got := len(garbageRoom(getenv)); got != c.want {
			t.Errorf("%s=%s: %d bytes, want %d", c.set, c.value, got, c.want)
		}
	}
}
