//go:build race

package server

// raceFactor: what the race detector makes of a byte.
const raceFactor = 8
