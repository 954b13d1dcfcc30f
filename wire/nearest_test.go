package wire

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"BEGIN_REQUEST", "request", "get-values", "dump", "STDOUT", "STDERR"}
	for word, want := range map[string]string{
		"requst": "request", "rqeuest": "request", "Request": "request", "get_value": "get-values", "getvalues": "get-values",
		"begin": "BEGIN_REQUEST", "stdot": "STDOUT", "dmup": "dump", "zzz": "", "": "", "x": "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: %q, not %q", word, got, want)
		}
	}
}
