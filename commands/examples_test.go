//go:build unix

package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// examples returns the lines of all help texts, and of the README's blocks of
// commands (its sessions are TestReadmeSessions'), that call the program.
func examples(t *testing.T) []string {
	t.Helper()
	var lines []string
	eachCommand(newTestApp(), func(c *cli.Command) {
		_, all, _ := strings.Cut(c.Description, "\nExamples:\n")
		all, _, _ = strings.Cut(all, "\n\n")
		lines = append(lines, strings.Split(all, "\n")...)
	})
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for line := range strings.SplitSeq(block[1], "\n") {
			if !regexp.MustCompile(`^(tar|docker|CGO_ENABLED=0|scripts/)`).MatchString(line) { // building and installing
				line = regexp.MustCompile(`^go run \. |\./fcgiscope `).ReplaceAllString(line, "fcgiscope ")
				lines = append(lines, line)
			}
		}
	}
	var found []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); strings.Contains(line, "fcgiscope ") && !slices.Contains(found, line) {
			found = append(found, line)
		}
	}
	if len(found) < 60 {
		t.Fatalf("only %d examples were found", len(found))
	}
	return found
}

// endlessExample are the examples that run until they are interrupted. What they print
// first, on either stream, shows that they are at work.
var endlessExample = regexp.MustCompile(`fcgiscope (tap|serve|gateway|fpm exporter|fpm top|replay .*--listen)\b|--interface `)

// exampleCodes are the exit codes of examples that do not end with 0: what the
// commands are about is not as they would like it.
var exampleCodes = []struct {
	part  string // of the example
	codes []int
}{
	{"--ping-path /fpm-ping --healthcheck", []int{1}}, // the pool has /ping
	{"fcgiscope replay ", []int{0, 3}},                // the answers differ in times, versions and counters
}

// TestExamplesRun: every example of every help text and of the README works.
// Addresses, paths and programs are put in place of those that stand there.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	fpm := wiretest.RealPeer(t, "php-fpm")
	dir := wiretest.SocketDir(t)
	exampleFiles(t, dir, fpm["root"])
	there := exampleReplacer(dir, fpm)
	path := dir + "/bin" + string(filepath.ListSeparator) + os.Getenv("PATH")
	for _, line := range examples(t) {
		if os.Geteuid() != 0 && strings.Contains(line, "--interface ") {
			t.Logf("skipped, as it needs root: %s", line)
			continue
		}
		if _, err := exec.LookPath("jq"); err != nil && strings.Contains(line, "| jq ") {
			t.Logf("skipped, as there is no jq: %s", line)
			continue
		}
		command := there.Replace(line)
		code, said := runExample(t, command, dir, []string{
			"PATH=" + path, "HOME=" + dir, "FCGI_CONNECT=" + fpm["tcp"], "GORACE=atexit_sleep_ms=0", "TMPDIR=" + dir,
		})
		want := []int{0}
		for _, row := range exampleCodes {
			if strings.Contains(line, row.part) {
				want = row.codes
			}
		}
		if !slices.Contains(want, code) {
			t.Errorf("%s\n(as %s): exit code %d, want %v:\n%.2000s", line, command, code, want, said)
		}
	}
}

// exampleFiles makes what the examples name.
func exampleFiles(t *testing.T, dir, root string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	captures, err := filepath.Abs(filepath.Join("..", "fixtures", "capture"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "cgi-bin", "public", ".config/fish/completions"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"bin/fcgiscope": self, "fcgi-app": self,
		"cgi-bin/echo.cgi": filepath.Join(root, "echo.cgi"),
		"a.php":            filepath.Join(root, "hello.php"),
		"error.log":        filepath.Join(captures, "text", "rec-nginx-debug-log.txt"),
		"strace.txt":       filepath.Join(captures, "text", "php-fpm-unix-post-xx.strace.txt"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	capture, err := os.ReadFile(filepath.Join(captures, "nginx-php-concurrent.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"php.pcap": capture, "access.pcap": capture, "php-00.pcapng": capture, "replayed.pcapng": capture,
		"a.json":           []byte(`{"a":1}`),
		"pasted.txt":       []byte("01 09 00 00 00 00 00 00\n"),
		"session.txt":      []byte("begin 1\nparams 1 REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping\nparams 1\nstdin 1\nwait\n"),
		"bug-4711.txtar":   []byte("-- records --\n" + exPing + exOutput + exEnd),
		"public/index.php": []byte("<?php echo 1;\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept := runMain(t, "", "shell", "app:echo", "-c", "begin 1; params 1 REQUEST_METHOD=GET; params 1; stdin 1; wait; save "+filepath.Join(dir, "session.txtar"))
	if kept.code != 0 {
		t.Fatalf("no session: %s", kept.stderr)
	}
}

// exampleReplacer puts what is here in place of what examples name. Of two that
// match at the same place the first counts.
func exampleReplacer(dir string, fpm map[string]string) *strings.Replacer {
	unix, tcp := fpm["unix"], fpm["tcp"]
	return strings.NewReplacer(
		"sudo ", "",
		"tcpdump -i lo -U -w - 'tcp port 9000' |", "cat php.pcap |",
		"strace -f -s 65535 -xx -p PID 2>&1 |", "cat strace.txt |",
		"--loop 0", "--loop 2", // 0 is without end
		"xclip -o |", "cat pasted.txt |",
		"; vi ", "; test -s ",
		`"${fpath[1]}/`, `"./`,
		// Recordings: what another example wrote must not be in the way.
		"--record ", "--record $RANDOM$RANDOM",
		"fcgiscope replay php.pcapng", "fcgiscope replay replayed.pcapng", "mock php.pcapng", "mock replayed.pcapng",
		"/run/php/php8.2-fpm.sock", unix, "/run/php/php-fpm.sock", unix, "/run/php/www.sock", unix, "/run/php/shop.sock", unix,
		"/run/app.sock", dir+"/app.sock", "/run/cgi.sock", dir+"/cgi.sock", "/run/tap.sock", dir+"/tap.sock", "/run/mock.sock", dir+"/mock.sock",
		":www-data", fmt.Sprintf(":%d", os.Getgid()),
		"--listen 127.0.0.1:9001", "--listen 127.0.0.1:0", "--listen 9001", "--listen 127.0.0.1:0",
		"--listen 8080", "--listen 127.0.0.1:0", "--listen 0.0.0.0:9253", "--listen 127.0.0.1:0",
		"serve echo --fault", "serve echo --listen 127.0.0.1:0 --fault",
		"--port 9000", "--port 9000",
		"127.0.0.1:9000", tcp, "127.0.0.1:9001", tcp, " :9000", " "+tcp, " 9000 ", " "+tcp+" ", " auto ", " "+unix+" ",
		"/var/www/html", fpm["root"], "--root /srv/www", "--root "+fpm["root"], "exec:./app", "exec:./fcgi-app",
		"/usr/lib/cgi-bin", dir+"/cgi-bin", "/var/log/nginx/error.log", "error.log",
		" /index.php", " /hello.php", " /login.php", " /cookies.php",
	)
}

// runExample runs a line of a shell, ends it if it is one of the endless ones
// and has begun to print, and returns its exit code and what it printed.
func runExample(t *testing.T, command, dir string, env []string) (code int, said string) {
	t.Helper()
	stops := endlessExample.MatchString(command)
	if stops { // the shell becomes the program, which gets the signal
		command = "exec " + command
	}
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	var out wiretest.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	var err error
	var first <-chan struct{}
	if stops {
		first = out.Has("\n", 1)
	}
	for ended := false; !ended; {
		select {
		case <-first:
			first = nil
			_ = cmd.Process.Signal(os.Interrupt)
		case err = <-done:
			ended = true
		case <-limit.C:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-done
			t.Errorf("%s did not end, and said:\n%.2000s", command, out.String())
			return -1, ""
		}
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), out.String()
	} else if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return 0, out.String()
}
