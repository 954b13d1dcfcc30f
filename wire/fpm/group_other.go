//go:build !unix

package fpm

import (
	"os"
	"syscall"
)

// There are no groups, and no php-fpm either.
func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { p.Kill() }
