//go:build linux

package commands

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestFaultWhen: the requests that are meant by what is behind the @.
func TestFaultWhen(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		"": "1 2 3 4 5", "@1": "1", "@3": "3", "@2-4": "2 3 4", "@4-": "4 5", "@5-5": "5",
	} {
		var f fault
		if err := f.Set("app-status" + when); err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := 1; n <= 5; n++ {
			if f.chosen.When == nil || f.chosen.When(nil, n) {
				got = append(got, strconv.Itoa(n))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", when, got, want)
		}
	}
	for _, bad := range []string{"@", "@0", "@x", "@-2", "@3-2", "@1-2-3", "@1,2", "@99999999999"} {
		if err := new(fault).Set("app-status" + bad); err == nil || !strings.Contains(err.Error(), "behind the @") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	s := startServe(t, "hello", "--listen", filepath.Join(wiretest.SocketDir(t), "app"), "--fault", "app-status@/broken/")
	for path, want := range map[string]int{"/": 0, "/broken/a?b": 4, "/x/../broken": 4, "/broken.html": 0} {
		if got := runMain(t, "", "request", s.addr, "/", "-P", "REQUEST_URI="+path); got.code != want {
			t.Errorf("%s: %+v, want exit code %d", path, got, want)
		}
	}
}
