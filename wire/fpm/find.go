package fpm

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// DefaultAddr is where php-fpm listens when nobody has decided otherwise.
var DefaultAddr = transport.Addr{Network: "tcp", Address: "127.0.0.1:9000"}

// A Place is an address at which php-fpm may listen.
type Place struct {
	Addr transport.Addr
	Pool string // the pool's name, "" where it is not known
	From string // what names the address: "FILE:LINE", or words such as "a usual socket"
	Err  error  // why Addr is not set: the pool's listen = is no address
}

// usualSockets are where distributions and images put the sockets of php-fpm.
var usualSockets = []string{
	"run/php/*.sock",                       // Debian, Ubuntu
	"run/php-fpm/*.sock",                   // Fedora, RHEL, Arch
	"var/run/php/*.sock",                   // the same where /var/run is no link
	"var/run/php-fpm/*.sock",               //
	"run/php*.sock",                        // Alpine, Gentoo
	"var/run/php*.sock",                    // FreeBSD
	"var/opt/remi/php*/run/php-fpm/*.sock", // Remi's packages
	"opt/bitnami/php/var/run/*.sock",       // Bitnami
	"opt/homebrew/var/run/php*.sock",       // Homebrew
	"usr/local/var/run/php*.sock",          // the same, Intel; php.net's own build
	"tmp/php*.sock",                        // panels
}

// Find returns the addresses at which php-fpm usually listens on the system
// whose files are root, each once: its usual sockets that are there, what its
// pool files say in listen =, and DefaultAddr. Files that are missing or not
// ours to read are passed over. For this system root is os.DirFS("/").
func Find(root fs.FS) []Place {
	var found []Place
	for _, pattern := range usualSockets {
		names, _ := fs.Glob(root, pattern)
		for _, name := range names {
			info, err := fs.Stat(root, name)
			if err == nil && info.Mode().Type() == fs.ModeSocket {
				found = append(found, Place{Addr: transport.Addr{Network: "unix", Address: "/" + name}, From: "a usual socket"})
			}
		}
	}
	found = append(found, FindPools(root)...)
	return distinct(root, append(found, Place{Addr: DefaultAddr, From: "the default"}))
}

// distinct leaves out what was found before: by the same name, or by a link to
// the same socket (/var/run is often one to /run).
func distinct(root fs.FS, found []Place) []Place {
	var kept []Place
	var sockets []fs.FileInfo
	for _, p := range found {
		if p.Err == nil && slices.ContainsFunc(kept, func(k Place) bool { return k.Err == nil && k.Addr == p.Addr }) {
			continue
		}
		if p.Addr.Network == "unix" {
			info, err := fs.Stat(root, strings.TrimPrefix(path.Clean(p.Addr.Address), "/"))
			if err == nil && slices.ContainsFunc(sockets, func(s fs.FileInfo) bool { return os.SameFile(s, info) }) {
				continue
			}
			if err == nil {
				sockets = append(sockets, info)
			}
		}
		kept = append(kept, p)
	}
	return kept
}

// listenAddr reads the value of listen =. A wildcard is dialled on loopback.
func listenAddr(value string) (transport.Addr, error) {
	if strings.HasPrefix(value, "/") {
		return transport.ParseAddr("unix:" + value)
	}
	if strings.Contains(value, "/") {
		return transport.Addr{}, errors.New("the path is not absolute")
	}
	a, err := transport.ParseAddr(value)
	if err != nil || a.Network != "tcp" {
		return transport.Addr{}, errors.New("not an address")
	}
	host, port, err := net.SplitHostPort(a.Address)
	if err != nil {
		return transport.Addr{}, err
	}
	switch host {
	case "0.0.0.0", "*":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	a.Address = net.JoinHostPort(host, port)
	return a, nil
}
