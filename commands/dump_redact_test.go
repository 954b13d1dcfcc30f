package commands

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/pretty"
)

// confidential is a conversation with secrets wherever one can be.
const confidential = `
> BEGIN_REQUEST id=1 role=RESPONDER flags=0
> PARAMS id=1
    REQUEST_METHOD=POST
    REQUEST_URI="/a?token=s3cretURI&b=shown"
    QUERY_STRING="token=s3cretURI&b=shown"
    CONTENT_TYPE="application/x-www-form-urlencoded"
    HTTP_COOKIE="sid=s3cretCookie; lang=s3cretCookie"
    HTTP_AUTHORIZATION="Basic s3cretBasic"
    PHP_AUTH_PW="s3cretBasic"
    MY_THING="s3cretThing"
> PARAMS id=1
> STDIN id=1 "user=me&pass"
> STDIN id=1 "word=s3cr"
> STDIN id=1 "etForm&b=shown"
> STDIN id=1
< STDERR id=1 "PHP Warning: api_key=s3cretLog in /a.php"
< STDERR id=1
< STDOUT id=1 "Status: 500\r\nSet-Cookie: sid=s3cr"
< STDOUT id=1 "etSet; Path=/\r\nContent-Type: application/json\r\n\r\n{\"access_token\":\"s3cretJSON\",\"b\":\"shown\"}"
< STDOUT id=1
< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
> raw 73 33 63 72 65 74 52 61 77 0a
`

var confidentialSecrets = []string{
	"s3cretURI", "s3cretCookie", "s3cretBasic", "s3cretThing", "s3cretForm", "s3cretLog", "s3cretSet", "s3cretJSON", "s3cretRaw",
}

// shownAs returns the ways in which formats may show a secret.
func shownAs(secret string) []string {
	x := hex.EncodeToString([]byte(secret))
	ways := []string{secret, x}
	spaced := ""
	for i := 0; i < len(x); i += 2 {
		spaced += x[i:i+2] + " "
	}
	ways = append(ways, strings.TrimSpace(spaced)[:12]) // a line may end behind it
	for before := range 3 {                             // where it begins in a group of three bytes
		coded := base64.StdEncoding.EncodeToString([]byte("xxx"[:before] + secret))
		ways = append(ways, coded[4:8])
	}
	return ways
}

// reveals returns a secret that can be seen in s.
func reveals(s string) string {
	for _, secret := range confidentialSecrets {
		for _, way := range shownAs(secret) {
			if strings.Contains(s, way) {
				return secret
			}
		}
	}
	return ""
}

// TestRedact: no format shows a secret, and neither does a recording.
func TestRedact(t *testing.T) {
	t.Parallel()
	views := [][]string{}
	for _, f := range pretty.Formats() {
		if f.Name != rawFormat {
			views = append(views, []string{"-f", f.Name})
		}
	}
	for _, p := range pretty.Parts() {
		views = append(views, []string{"-f", rawFormat, "--part", string(p)})
	}
	for _, view := range views {
		t.Run(strings.Join(view, " "), func(t *testing.T) {
			t.Parallel()
			record := filepath.Join(t.TempDir(), "a.pcapng")
			args := append([]string{"dump", "-"}, view...)
			original := runMain(t, confidential, args...)
			got := runMain(t, confidential, append(args, "--redact-name", "my-*", "--record", record)...)
			if original.code != 0 || got.code != 0 {
				t.Fatalf("exit codes %d, %d: %s %s", original.code, got.code, original.stderr, got.stderr)
			}
			// raw --part data has nothing to show.
			if original.stdout != "" && view[len(view)-1] != "diagram" && reveals(original.stdout) == "" {
				t.Errorf("without --redact there is no secret to be found:\n%s", original.stdout)
			}
			if secret := reveals(got.stdout + got.stderr); secret != "" {
				t.Errorf("%s is there:\n%s", secret, got.stdout)
			}
			b, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			if secret := reveals(string(b)); secret != "" {
				t.Errorf("%s is in the recording", secret)
			}
			if again := runMain(t, "", "dump", record, "-f", "text", "--stable"); !strings.Contains(again.stdout, `&b=shown`) || again.code != 0 {
				t.Errorf("the recording reads:\n%s", again.stdout)
			}
		})
	}
}

// TestRedactKeeps: with --redact only contents differ.
func TestRedactKeeps(t *testing.T) {
	t.Parallel()
	want := runMain(t, confidential, "dump", "-", "-f", "summary", "--stable")
	got := runMain(t, confidential, "dump", "-", "-f", "summary", "--stable", "--redact")
	if masked := strings.ReplaceAll(want.stdout, "s3cretURI", "*********"); masked != got.stdout {
		t.Errorf("got %q, want %q", got.stdout, masked)
	}
	text := runMain(t, confidential, "dump", "-", "--stable", "--redact").stdout
	for _, line := range []string{
		`    REQUEST_URI="/a?token=*********&b=shown"`, `    HTTP_COOKIE="sid=************; lang=************"`, `    HTTP_AUTHORIZATION="*****************"`,
		`    MY_THING=s3cretThing`, `> STDIN id=1 "word=****"`, `> STDIN id=1 "******&b=shown"`,
		`    "*****; Path=/\r\n"`, `    "{\"access_token\":\"**********\",\"b\":\"shown\"}"`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// TestRedactDamage: what is said about damage quotes nothing of the input.
func TestRedactDamage(t *testing.T) {
	t.Parallel()
	const record = "01 01 00 01 00 08 00 00 00 01 00 00 00 00 00 00"
	array := strings.ReplaceAll("0x"+record, " ", ", 0x")
	list := "[" + strings.Repeat("1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,\n", 8000) // the damage is behind what is looked at first
	for name, input := range map[string]string{
		"hex":     strings.Repeat(record+"\n", 4000) + "s3cret",
		"base64":  strings.Repeat("AQEAAQAIAAAAAQAAAAAAAA==\n", 4000) + "~s3cret",
		"xxd":     xxdLines(record, 4000) + "0000fa00: s3cret",
		"hexdump": strings.ReplaceAll(xxdLines(record, 4000), ":", "") + "0000fa00 s3cret",
		"numbers": list + " 73123]",
		"escapes": `"` + strings.Repeat(`\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0`, 3000) + `\731"`,
		"braces":  "{" + strings.Repeat(array+",\n", 4000) + "73123}",
		"text":    "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\ns3cret\n",
		"jsonl":   `{"event":"connection","conn":0}` + "\n" + `{"event":"s3cret","conn":"s3cret"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runMain(t, input, "dump", "-", "--redact", "-f", "summary")
			if got.stderr == "" {
				t.Error("nothing is said about the damage")
			}
			for _, secret := range []string{"s3cret", "73123", "731"} {
				if strings.Contains(got.stderr, secret) {
					t.Errorf("%s is quoted: %s", secret, got.stderr)
				}
			}
		})
	}
}

// xxdLines returns n lines of xxd with the same bytes.
func xxdLines(bytes string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%08x: %s\n", i*16, bytes)
	}
	return b.String()
}
