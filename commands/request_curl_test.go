package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRequestAsCurl: curl's letters mean what they mean to curl. The same flags
// are given to curl, whose request is seen as HTTP, and to us.
func TestRequestAsCurl(t *testing.T) {
	t.Parallel()
	wiretest.RealPeer(t, "curl")
	dir := t.TempDir()
	files := map[string]string{"text.txt": "one\r\ntwo &=\n", "b.bin": "\x00\xff\r\n--", "page.html": "<p>", "empty": "",
		"jar": "# Netscape HTTP Cookie File\n.example.org\tTRUE\t/\tFALSE\t0\tsid\t1\nwww.example.org\tFALSE\t/shop\tFALSE\t0\tcart\t3\n" +
			"other.example\tFALSE\t/\tFALSE\t0\tno\t4\n#HttpOnly_www.example.org\tFALSE\t/\tTRUE\t0\tsecure\t5\nwww.example.org\tFALSE\t/\tFALSE\t1\told\t6\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Not compared is what depends on curl's version: a NUL in the file of -d
	// (the manual has it taken out), and the case of %xx in a URL.
	tests := [][]string{
		{"/p?q=1"},
		{"/p", "-d", "a=b", "-d", "c"},
		{"/p", "-d", "@DIR/text.txt", "-d", "x=y"},
		{"/p", "--data-ascii", "@DIR/page.html"},
		{"/p", "-d", ""},
		{"/p", "-d", "@DIR/empty"},
		{"/p", "--data-binary", "@DIR/b.bin"},
		{"/p", "--data-raw", "@DIR/b.bin"},
		{"/p", "--data-urlencode", "a b", "--data-urlencode", "=c=d", "--data-urlencode", "n=v w&x", "--data-urlencode", "@DIR/text.txt", "--data-urlencode", "n@DIR/b.bin"},
		{"/p?x", "-G", "-d", "a=b", "--data-urlencode", "q=& ~"},
		{"/p", "-G", "-d", "a=b", "-I"},
		{"/p", "--json", `{"a":`, "--json", "1}", "--json", "@DIR/text.txt"},
		{"/p", "--json", "{}", "-d", "x"},
		{"/p", "--json", "{}", "-H", "Accept: text/plain"},
		{"/p", "-T", "DIR/page.html"},
		{"/d/", "-T", "DIR/page.html"},
		{"/p", "-F", "a=b", "-F", "c=d;type=text/x"},
		{"/p", "-F", "f=@DIR/page.html", "-F", "g=@DIR/b.bin;filename=other.txt", "-F", "h=<DIR/text.txt"},
		{"/p", "-F", `f=@DIR/page.html;type=text/x;charset=y;filename="q\"z"`, "-F", `n"m=v`},
		{"/p", "-F", `a="b;c\"d"`, "--form-string", `s=@x;type=y"`},
		{"/p", "-F", "f=@\"DIR/page.html\""},
		{"/p", "-X", "DELETE", "-d", "a"},
		{"/p", "-u", "alice:s e:c", "-A", "agent/1", "-e", "http://localhost/x;auto"},
		{"/p", "-u", "alice:", "-H", "Authorization: Bearer t", "-A", "a", "-H", "User-Agent: b"},
		{"/p", "-A", "", "-H", "X-Empty;", "-H", "Accept:"},
		{"/p", "-b", "a=b; c=d"},
		{"/shop/x?y", "-H", "Host: www.example.org", "-b", "DIR/jar"},
		{"/shopping", "-H", "Host: www.example.org", "-b", "DIR/jar", "-b", "own=1"},
		{"/", "-H", "Host: sub.example.org", "-b", "DIR/jar"},
		{"/", "-b", "DIR/jar"},
	}
	seen := make(chan string, 1)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- fmt.Sprintf("%s %s\nauth=%q cookie=%q agent=%q referer=%q accept=%q type=%q length=%d\n%s", r.Method, r.RequestURI,
			r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("User-Agent"), r.Header.Get("Referer"),
			r.Header.Get("Accept"), r.Header.Get("Content-Type"), max(r.ContentLength, 0), body)
	}))
	t.Cleanup(web.Close)
	// What curl sends by itself, and we do not.
	own := strings.NewReplacer(`accept="*/*"`, `accept=""`)
	agent := regexp.MustCompile(`agent="curl/[0-9.]+"`)
	for _, args := range tests {
		args = strings.Split(strings.ReplaceAll(strings.Join(args, "\x01"), "DIR", dir), "\x01")
		if out, err := exec.Command("curl", append([]string{"-gsSq", "--noproxy", "*", web.URL + args[0]}, args[1:]...)...).CombinedOutput(); err != nil {
			t.Fatalf("curl %q: %v: %s", args, err, out)
		}
		want := withoutBoundary(own.Replace(agent.ReplaceAllString(<-seen, `agent=""`)))
		got := withoutBoundary(askedFor(t, args))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-curl +fcgiscope):\n%s", args, diff)
		}
	}
}

// askedFor returns what an application gets, in the words of the web server of
// TestRequestAsCurl.
func askedFor(t *testing.T, args []string) string {
	t.Helper()
	p := map[string]string{}
	var body []byte
	got := runMain(t, "", slices.Concat([]string{"request", "app:hello", "--format", "jsonl", "--events", "pair,record"}, args)...)
	for line := range strings.Lines(got.stdout) {
		var e struct {
			Name, Value string
			Type        string `json:"type_name"`
			Content     []byte
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch {
		case e.Name != "":
			p[e.Name] = e.Value
		case e.Type == "STDIN":
			body = append(body, e.Content...)
		}
	}
	if got.code != 0 {
		t.Fatalf("%q: exit code %d, stderr %s", args, got.code, got.stderr)
	}
	length := p["CONTENT_LENGTH"]
	if length == "" {
		length = "0"
	}
	return fmt.Sprintf("%s %s\nauth=%q cookie=%q agent=%q referer=%q accept=%q type=%q length=%s\n%s", p["REQUEST_METHOD"], p["REQUEST_URI"],
		p["HTTP_AUTHORIZATION"], p["HTTP_COOKIE"], p["HTTP_USER_AGENT"], p["HTTP_REFERER"], p["HTTP_ACCEPT"], p["CONTENT_TYPE"], length, body)
}

// withoutBoundary replaces the random boundary of a multipart body.
func withoutBoundary(s string) string {
	return regexp.MustCompile(`-{24}[0-9a-f]{16}`).ReplaceAllString(s, "BOUNDARY")
}
