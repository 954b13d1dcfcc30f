package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestReadme: every command and every exit code is in the README.
func TestReadme(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "README.md"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("README.md is not written yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	eachCommand(newTestApp(), func(c *cli.Command) {
		if name := strings.TrimPrefix(c.HelpName, "fcgiscope "); len(c.Subcommands) == 0 && !strings.Contains(text, "`"+name) && !strings.Contains(text, "fcgiscope "+name) && !strings.Contains(text, "go run . "+name) {
			t.Errorf("README.md does not name the command %s", name)
		}
	})
	for _, row := range exits {
		if want := fmt.Sprintf("| %d | %s |", row.code, row.meaning); !strings.Contains(text, want) {
			t.Errorf("README.md lacks the row %s", want)
		}
	}
}
