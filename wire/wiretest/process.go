package wiretest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Descriptor is one that a process has open.
type Descriptor struct {
	Number int
	Target string // as /proc has it: a path, socket:[123]
}

// Descriptors returns what a process has open, by /proc, and ends the test
// where that does not tell.
func Descriptors(t testing.TB, pid int) []Descriptor {
	t.Helper()
	list := descriptors(pid)
	if len(list) == 0 {
		t.Fatalf("wiretest: /proc has no descriptors of process %d", pid)
	}
	return list
}

func descriptors(pid int) []Descriptor {
	var list []Descriptor
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // closed meanwhile, as the one that the list was read with
		}
		number, _ := strconv.Atoi(filepath.Base(link))
		list = append(list, Descriptor{number, target})
	}
	slices.SortFunc(list, func(a, b Descriptor) int { return a.Number - b.Number })
	return list
}

// Children returns the processes that one has started and not waited for, by
// /proc, and ends the test where that does not tell.
func Children(t testing.TB, pid int) []int {
	t.Helper()
	pids, ok := children(pid)
	if !ok {
		t.Fatalf("wiretest: /proc has no list of the children of process %d", pid)
	}
	return pids
}

func children(pid int) (pids []int, ok bool) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range files {
		list, _ := os.ReadFile(name) // fails where the thread has ended
		for _, field := range strings.Fields(string(list)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
	}
	return pids, len(files) > 0
}

// Alive reports whether a process runs. One that has ended does not, though
// nobody waits for it: in a container whoever adopted it may never do.
func Alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	if err := p.Signal(syscall.Signal(0)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
