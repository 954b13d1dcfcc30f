package capture

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestSocat: socat -x and socat -x -v, which puts the text beside the bytes
// and breaks lines where the text does.
func TestSocat(t *testing.T) {
	const request = `> 2026/11/20 20:51:38.000661350  length=24 from=0 to=23
`
	const answer = `< 2026/11/20 20:51:38.000671350  length=17 from=0 to=16
`
	const again = `> 2026/11/20 20:51:39.5  length=8 from=0 to=7
 01 05 00 01 00 00 00 00
`
	plain := request + ` 01 01 00 01 00 08 00 00 00 01 00 00 00 00 00 00 01 04 00 01 00 00 00 00
2026/11/20 20:51:38 socat[7] N something else
` + answer + ` 01 06 00 01 00 01 00 00 0a 01 06 00 01 00 00 00 00
`
	beside := request + ` 01 01 00 01 00 08 00 00 00 01 00 00 00 00 00 00  ................
 01 04 00 01 00 00 00 00                          ........
--
` + answer + ` 01 06 00 01 00 01 00 00 0a                       .........
 01 06 00 01 00 00 00 00                          ........
--
`
	const records = "BEGIN_REQUEST PARAMS | STDOUT STDOUT;"
	for _, test := range []struct {
		name, input, want string
		warnings          int
	}{
		{"-x", plain, records, 0},
		{"-x -v", beside, records, 0},
		{"two connections", plain + again, records + " STDIN | ;", 0},
		{"a cut block", request + " 01 01 00 01 00 08 00 00\n" + answer, " | ;", 1},
	} {
		src, f, err := Open(strings.NewReader(test.input), Options{})
		if err != nil || f.Name != "socat" {
			t.Fatalf("%s: opened as %q: %v", test.name, f.Name, err)
		}
		g := decodeSource(t, src, DecodeOptions{})
		var got []string
		var found [2][]string
		for _, e := range g.events {
			switch e.Kind {
			case flow.KindRecord:
				found[e.Dir] = append(found[e.Dir], e.Header.Type.String())
			case flow.KindClosed:
				got = append(got, fmt.Sprintf("%s | %s;", strings.Join(found[0], " "), strings.Join(found[1], " ")))
				found = [2][]string{}
			}
		}
		if s := strings.Join(got, " "); s != test.want || len(g.warnings) != test.warnings {
			t.Errorf("%s: got %q, want %q; warnings %q", test.name, s, test.want, g.warnings)
		}
		if len(g.events) > 0 && g.events[0].At.Nanosecond() != 661350000 {
			t.Errorf("%s: time %v", test.name, g.events[0].At)
		}
	}
	if _, _, err := Open(strings.NewReader(request+"........\n"+answer+"....\n"), Options{}); err == nil || !strings.Contains(err.Error(), "socat -x") {
		t.Errorf("-v alone: %v", err)
	}
	if _, ok := parseSocat([]byte("< STDERR id=1 a b c")); ok {
		t.Error("a line of the text form was taken for socat's")
	}
	if got := socatBytes(nil, []byte(" 41 42  AB"), 9); !bytes.Equal(got, []byte("AB")) {
		t.Errorf("got %q", got)
	}
}
