package commands

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestRelease: what scripts/release makes of a program, and that such a program
// needs nothing but itself. That two whole builds come out the same is for
// scripts/release --verify to say.
func TestRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "fcgiscope")
	runIn(t, "..", []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-o", program, ".")
	t.Run("bill of materials", func(t *testing.T) { t.Parallel(); billOfMaterials(t, program) })
	t.Run("archive", func(t *testing.T) { t.Parallel(); sameArchive(t) })
	t.Run("container", func(t *testing.T) { t.Parallel(); inContainer(t, program) })
}

// runIn runs a command to its end, and returns what it printed.
func runIn(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.Bytes())
	}
	return out
}

// billOfMaterials: every module that is in the program is in it and under a
// license that is known, and the text of that is passed on.
func billOfMaterials(t *testing.T, program string) {
	bom, texts := filepath.Join(t.TempDir(), "bom"), filepath.Join(t.TempDir(), "texts")
	runIn(t, "..", nil, "go", "run", "scripts/release.d/sbom.go", program, "v1.2.3", bom, texts)
	written, err := os.ReadFile(bom)
	if err != nil {
		t.Fatal(err)
	}
	licenses, err := os.ReadFile(texts)
	if err != nil {
		t.Fatal(err)
	}
	type component struct {
		Name, Version, PURL string
		Ref                 string `json:"bom-ref"`
		Hashes              []struct{ Alg, Content string }
		Licenses            []struct{ License struct{ ID string } }
	}
	var got struct {
		BOMFormat, SpecVersion string
		Metadata               struct{ Component component }
		Components             []component
		Dependencies           []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	if got.BOMFormat != "CycloneDX" || got.SpecVersion != "1.5" || got.Metadata.Component.Version != "v1.2.3" || len(got.Metadata.Component.Hashes) != 1 {
		t.Errorf("the bill is of %q %q for %+v", got.BOMFormat, got.SpecVersion, got.Metadata.Component)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stdlib " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, dep := range info.Deps {
		want = append(want, dep.Path+" "+dep.Version)
	}
	var have, refs []string
	for _, c := range got.Components {
		have = append(have, c.Name+" "+c.Version)
		refs = append(refs, c.Ref)
		if c.PURL != "pkg:golang/"+c.Name+"@"+c.Version || c.Name != "stdlib" && len(c.Hashes) != 1 {
			t.Errorf("%s is %+v", c.Name, c)
		}
		if len(c.Licenses) != 1 || !slices.Contains([]string{"MIT", "BSD-3-Clause", "BSD-2-Clause"}, c.Licenses[0].License.ID) {
			t.Errorf("%s is under %v", c.Name, c.Licenses)
			continue
		}
		_, text, _ := strings.Cut(string(licenses), "\n"+c.Name+" "+c.Version+" ("+c.Licenses[0].License.ID+")\n")
		if !strings.Contains(text[:min(len(text), 200)], "Copyright ") {
			t.Errorf("the license of %s is not passed on", c.Name)
		}
	}
	if len(info.Deps) == 0 || !slices.Equal(have, want) {
		t.Errorf("the bill has %q, the program %q", have, want)
	}
	if len(got.Dependencies) != 1 || got.Dependencies[0].Ref != got.Metadata.Component.Ref || !slices.Equal(got.Dependencies[0].DependsOn, refs) {
		t.Errorf("the program depends on %+v", got.Dependencies)
	}
}

// sameArchive: files that differ in times and modes only make the same archive.
func sameArchive(t *testing.T) {
	archives := map[string][][]byte{}
	for i, mode := range []os.FileMode{0o755, 0o700} {
		tree := filepath.Join(t.TempDir(), "tree")
		if err := os.MkdirAll(filepath.Join(tree, "man1"), mode); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]os.FileMode{"fcgiscope": mode, "man1/a.1": mode &^ 0o111, "README.md": mode &^ 0o111} {
			name = filepath.Join(tree, name)
			if err := os.WriteFile(name, []byte(filepath.Base(name)), mode); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(int64(1e9+i), 0)
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{".tar.gz", ".zip"} {
			out := filepath.Join(t.TempDir(), "out"+kind)
			runIn(t, "..", []string{"TZ=Asia/Tokyo"}, "go", "run", "scripts/release.d/archive.go", out, "1700000000", tree)
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			archives[kind] = append(archives[kind], b)
		}
	}
	for kind, both := range archives {
		if !bytes.Equal(both[0], both[1]) {
			t.Errorf("two archives %s of the same files are not the same", kind)
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(archives[".tar.gz"][0]))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1700000000 {
			t.Errorf("%s is of %d:%d and %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
	}
	if want := []string{"-rw-r--r-- tree/README.md", "-rwxr-xr-x tree/fcgiscope", "-rw-r--r-- tree/man1/a.1"}; !slices.Equal(got, want) {
		t.Errorf("the archive has %q, want %q", got, want)
	}
}

// inContainer: the program runs where there is nothing else: no other file, no
// environment, a user without a name, and nothing that can be written to.
func inContainer(t *testing.T, program string) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root")
	}
	box := t.TempDir()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(box, "fcgiscope"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(box, 0o555); err != nil {
		t.Fatal(err)
	}
	run := func(env []string, args ...string) result {
		cmd := exec.CommandContext(t.Context(), "/fcgiscope", args...)
		cmd.Dir, cmd.Env = "/", append([]string{}, env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: box, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatalf("%q: %v", args, err)
		}
		return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
	if got := run(nil, "version"); got.code != 0 || !strings.HasPrefix(got.stdout, "fcgiscope ") {
		t.Errorf("version: %+v", got)
	}
	if got := run(nil, "request", "app:hello", "/"); got.code != 0 || got.stdout != "Hello from fcgiscope.\n" {
		t.Errorf("request: %+v", got)
	}
	if got := run(nil, "request", "app:hello", "/", "--record", "a.pcapng"); got.code != 1 || !strings.HasSuffix(got.stderr, "a.pcapng: permission denied\n") {
		t.Errorf("request --record: %+v", got)
	}
	t.Run("probe", func(t *testing.T) {
		fpm := wiretest.RealPeer(t, "php-fpm")
		_, port, err := net.SplitHostPort(fpm["tcp"])
		if err != nil {
			t.Fatal(err)
		}
		// The name needs neither /etc/hosts nor a server for names.
		for _, addr := range []string{fpm["tcp"], "localhost:" + port} {
			got := run([]string{"FCGI_CONNECT=" + addr}, "fpm", "check", "--healthcheck", "--listen-queue=10", "--max-time=2")
			if got.code != 0 || !strings.Contains(got.stdout, "pool www is well") || got.stderr != "" {
				t.Errorf("fpm check of %s: %+v", addr, got)
			}
		}
	})
	if got := run([]string{"FCGI_CONNECT=127.0.0.1:1"}, "fpm", "check", "--healthcheck"); got.code != 1 {
		t.Errorf("fpm check where nobody listens: %+v", got)
	}
}
