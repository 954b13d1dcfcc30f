//go:build !linux

package commands

import "github.com/fcgiscope/fcgiscope/wire/transport"

// connectionsTo knows nothing: there is no table to read.
func connectionsTo(transport.Addr) (taken, waiting int) { return 0, 0 }
