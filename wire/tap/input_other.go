//go:build !linux

package tap

// refusesBytes: only of Linux is it known that it tells.
func refusesBytes(int) bool { return false }
