package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDidYouMean: who mistypes a word is told the one that was meant, of whatever
// kind it is.
func TestDidYouMean(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(file, []byte(exPing), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ line, want string }{
		// Commands.
		{"reqest", "(did you mean request?)"},
		{"dmup", "(did you mean dump?)"},
		{"getvalues", "(did you mean get-values?)"},
		{"help explian", "(did you mean explain?)"},
		{"ping", "(did you mean fpm ping?)"},
		{"exporter", "(did you mean fpm exporter?)"},
		{"fpm pnig", "(did you mean ping?)"},
		{"help fpm pnig", "fpm: unknown command \"pnig\" (did you mean ping?)"},
		{"help REQUEST_URI", "fcgiscope explain REQUEST_URI"},
		{"content-length", "fcgiscope explain rule:content-length"},
		// Flags.
		{"request app:echo --hedaer x", "(did you mean --header?)"},
		{"request app:echo --keepconn", "(did you mean --keep-conn?)"},
		{"replay FILE --ignor X", "(did you mean --ignore?)"},
		// Values of flags: formats, types, parts, roles, servers, faults.
		{"dump FILE -f sumary", "did you mean summary?"},
		{"dump FILE --from pcpa", "did you mean pcap?"},
		{"dump FILE --type PARMS", "did you mean PARAMS?"},
		{"dump FILE -f raw --part stdim", "did you mean stdin?"},
		{"dump FILE -f jsonl --events recrod", "did you mean \"record\"?"},
		{"dump FILE --color alway", "did you mean always?"},
		{"dump FILE --where sttus==200", "did you mean \"status\"?"},
		{"fpm status 127.0.0.1:1 --format jsno", "did you mean json?"},
		{"fpm check 127.0.0.1:1 --warn listen-queu=5", "(did you mean listen-queue?)"},
		{"replay FILE app:echo --format juint", "did you mean junit?"},
		{"request app:echo --role responer", "did you mean responder?"},
		{"request app:echo --as ngnix", "did you mean nginx?"},
		{"request app:echo --export crul", "did you mean curl?"},
		{"request app:echo -w %{respons_code}", "(did you mean %{response_code}?)"},
		{"serve echo --fault end-onyl@2", "did you mean end-only?"},
		{"serve filter --transform uper", "did you mean upper?"},
		// Addresses.
		{"request app:ecoh /", "(did you mean app:echo?)"},
		{"request ap:echo /", "did you mean app:echo?"},
		{"request tpc:127.0.0.1:1 /", "did you mean tcp:127.0.0.1:1?"},
		{"request auot /", "did you mean auto?"},
		{"request uinx:DIR/app.sock /", "did you mean unix:DIR/app.sock?"},
		{"request exce:DIR/app /", "did you mean exec:DIR/app?"},
		// Apps, rules, topics, faults, shells.
		{"serve ehco", "(did you mean echo?)"},
		{"rules pair-splt", "(did you mean pair-split?)"},
		{"rules stdin_lenght", "(did you mean stdin-length?)"},
		{"explain REQUEST_URL", "(did you mean REQUEST_URI?)"},
		{"explain RESPONDR", "(did you mean RESPONDER?)"},
		{"explain script-misng", "(did you mean script-missing?)"},
		{"explain foults", "(did you mean faults?)"},
		{"explain rol:FILTER", "(did you mean role:FILTER?)"},
		{"explain rule:par-split", "(did you mean pair-split?)"},
		{"diagnose --rule scrip-missing", "(did you mean script-missing?)"},
		{"completion bahs", "(did you mean bash?)"},
		// The text form, and the shell's lines.
		{"send app:echo -e '> BEGIN_REQEST id=1'", "did you mean BEGIN_REQUEST?"},
		{"send app:echo -e '> BEGIN_REQUEST id=1 roll=RESPONDER'", "did you mean role?"},
		{"send app:echo -e '> BEGIN_REQUEST id=1 role=RESPONSER'", "did you mean RESPONDER?"},
		{"send app:echo -e '! fni'", "did you mean fin?"},
		{"shell app:echo -c 'begn 1'", "did you mean begin?"},
		{"shell app:echo -c 'begin 1 respondre'", "did you mean responder?"},
		{"shell app:echo -c 'set paddng 3'", "did you mean padding?"},
		{"shell app:echo -c 'help REQUEST-URL'", "did you mean REQUEST_URI?"},
		// Words that are near nothing get no guess.
		{"qqqqqqqq", "fcgiscope --help lists the commands"},
		{"explain qqqqqqqq", "fcgiscope explain lists the topics"},
		{"completion qqqqqqqq", "want bash, zsh or fish"},
		{"request qqqqqqqq:DIR/app /", "what holds a / is the path of a Unix socket"},
	} {
		names := strings.NewReplacer("FILE", file, "DIR", dir)
		args := shellWords(t, names.Replace(row.line))
		got := runMain(t, "", args...)
		if got.code == 0 || !strings.Contains(got.stderr, names.Replace(row.want)) {
			t.Errorf("%q: exit code %d, stderr %q, want %q in it", args, got.code, got.stderr, row.want)
		}
		if strings.Contains(row.line, "qqqq") && strings.Contains(got.stderr, "did you mean") {
			t.Errorf("%q: a guess: %s", args, got.stderr)
		}
	}
	// Case does not count where a fault is named by its id.
	if got := runMain(t, "", "diagnose", "--rule", "d13"); got.code != 0 || !strings.HasPrefix(got.stdout, "D13 script-missing") {
		t.Errorf("diagnose --rule d13: %+v", got)
	}
}
