package commands

import (
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestRootMap(t *testing.T) {
	t.Parallel()
	var m rootMap
	for _, s := range []string{"/here=/there", "/here/deep/=/x/", "/all=/", "/=/root"} {
		if err := m.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"/here": "/there", "/here/a.php": "/there/a.php", "/here/deep": "/x", "/here/deep/a": "/x/a", "/hereafter/a": "/root/hereafter/a",
		"/all/a": "/a", "/all": "/", "/": "/root", "": "", "relative": "relative",
	} {
		if got := m.apply(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	pairs := m.params([]wire.Pair{wire.NewPair("SCRIPT_FILENAME", "proxy:fcgi://127.0.0.1:9000/here/a.php"), wire.NewPair("REQUEST_URI", "/here/a.php")})
	if got := string(pairs[0].Value) + " " + string(pairs[1].Value); got != "proxy:fcgi://127.0.0.1:9000/there/a.php /here/a.php" {
		t.Errorf("the parameters are %s", got)
	}
	for _, s := range []string{"", "/a", "a=/b", "/a=b", "=/b"} {
		if new(rootMap).Set(s) == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
