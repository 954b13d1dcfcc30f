package commands

import (
	"bufio"
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fcgiscope/fcgiscope"

// importRules is who may import what, by the direct imports of packages
// without their tests. An import that ends in /... means all below it too; in
// the package lists, "." is the program itself.
var importRules = []struct {
	what   []string // imports
	only   []string // the packages that may; nil: nobody
	except []string // or: everybody but these may
}{
	{what: []string{"net", "net/http", "os", "log"}, except: []string{"wire", "wire/text", "wire/flow", "wire/cgi"}},
	{what: []string{module + "/pretty/..."}, only: []string{"pretty", "commands"}},
	{what: []string{module + "/commands/..."}, only: []string{".", "commands"}},
	{what: []string{"github.com/urfave/cli/v2/..."}, only: []string{"commands"}},
	{what: []string{"github.com/fatih/color", "github.com/olekukonko/tablewriter/..."}, only: []string{"pretty"}},
	{what: []string{"github.com/expr-lang/expr/..."}, only: []string{"pretty"}},
	{what: []string{"github.com/schollz/progressbar/v3", "golang.org/x/term"}, only: []string{"commands"}},
	{what: []string{"net/http", "net/http/..."}, only: []string{"wire/server", "wire/gateway", "wire/fpm/exporter", "commands"}},
	{what: []string{"os/exec"}, only: []string{"wire/server", "wire/fpm", "commands"}},
	{what: []string{"github.com/gopacket/gopacket/..."}}, // it costs 0.2 ms at every start
	{what: []string{"testing", module + "/wire/wiretest", module + "/fixtures"}},
}

// layers says which packages of the module a package may import; one that is
// not named may import all that the other rules allow.
var layers = map[string][]string{
	"wire":           {},
	"wire/text":      {"wire"},
	"wire/cgi":       {"wire"},
	"wire/flow":      {"wire", "wire/cgi"},
	"wire/redact":    {"wire", "wire/flow"},
	"wire/transport": {},
	"wire/capture":   {"wire", "wire/text", "wire/flow"},
	"wire/client":    {"wire", "wire/cgi", "wire/flow", "wire/transport"},
	"wire/server":    {"wire", "wire/cgi", "wire/flow", "wire/transport"},
	"wire/tap":       {"wire", "wire/flow", "wire/transport", "wire/capture"},
	"wire/replay":    {"wire", "wire/cgi", "wire/flow", "wire/client"},
	"wire/gateway":   {"wire", "wire/cgi", "wire/flow", "wire/transport", "wire/client"},
	"wire/fpm":       {"wire", "wire/cgi", "wire/flow", "wire/transport", "wire/client"},
	"wire/diagnose":  {"wire", "wire/cgi", "wire/text", "wire/flow", "wire/transport"},
	"pretty":         {"wire", "wire/cgi", "wire/flow", "wire/text"},

	"wire/fpm/exporter": {"wire/fpm"},
}

// standardOnly are the packages that other programs import without getting
// anything from outside the standard library.
var standardOnly = []string{
	"wire", "wire/text", "wire/flow", "wire/cgi", "wire/redact", "wire/transport", "wire/client", "wire/server", "wire/capture",
	"wire/tap", "wire/replay", "wire/diagnose", "wire/fpm",
}

// testOnly are packages that tests use, and programs that are no part of this
// one.
func testOnly(pkg string) bool {
	return pkg == "wire/wiretest" || pkg == "fixtures" || strings.HasPrefix(pkg, "scripts/")
}

func TestImports(t *testing.T) {
	t.Parallel()
	packages := listImports(t)
	for _, want := range []string{".", "commands", "pretty", "wire", "wire/flow"} {
		if packages[want] == nil {
			t.Fatalf("go list does not name package %s", want)
		}
	}
	for pkg, imports := range packages {
		if testOnly(pkg) {
			continue
		}
		for _, imported := range imports {
			checkImport(t, pkg, imported)
		}
	}
}

func checkImport(t *testing.T, pkg, imported string) {
	t.Helper()
	for _, rule := range importRules {
		if !slices.ContainsFunc(rule.what, func(what string) bool { return matches(what, imported) }) {
			continue
		}
		allowed := slices.Contains(rule.only, pkg)
		if rule.except != nil {
			allowed = !slices.Contains(rule.except, pkg)
		}
		if !allowed {
			t.Errorf("%s imports %s", pkg, imported)
		}
	}
	own, isOwn := strings.CutPrefix(imported, module+"/")
	if may, ok := layers[pkg]; ok && isOwn && !slices.Contains(may, own) {
		t.Errorf("%s imports %s, and may import %q only", pkg, own, may)
	}
	if slices.Contains(standardOnly, pkg) && !isOwn && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
		t.Errorf("%s imports %s, which is not in the standard library", pkg, imported)
	}
}

func matches(what, imported string) bool {
	if base, ok := strings.CutSuffix(what, "/..."); ok {
		return imported == base || strings.HasPrefix(imported, base+"/")
	}
	return imported == what
}

// listImports returns the direct imports of every package of the module.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-e", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	cmd.Dir, cmd.Stderr = filepath.Join(".."), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	packages := map[string][]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		name := "."
		if fields[0] != module {
			name = strings.TrimPrefix(fields[0], module+"/")
		}
		packages[name] = append([]string{}, fields[1:]...)
	}
	return packages
}
