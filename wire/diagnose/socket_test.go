package diagnose

import (
	"os"
	"path/filepath"
	"testing"
)

// A relative path is looked at like the absolute one.
func TestLookAtRelative(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, file)
	if err != nil {
		t.Skip(err) // another drive
	}
	s := LookAt(relative)
	if last := s.last(); s.Path != file || last == nil || last.Path != file {
		t.Errorf("%s: looked at %s and found %v", relative, s.Path, last)
	}
}
