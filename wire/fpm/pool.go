package fpm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Bounds of the search through configuration files, which may include each
// other.
const (
	maxIncludes   = 4       // one below the other
	maxConfigs    = 500     // files of one php-fpm
	maxConfigSize = 1 << 20 // bytes read of a file
	maxPools      = 256     // of one php-fpm
)

// A php-fpm has a file from which it includes those of its pools. Where that
// is missing, or does not include them, the pools' usual directory is read.
var usualConfigs = []struct{ main, pools string }{
	{"etc/php/*/fpm/php-fpm.conf", "etc/php/*/fpm/pool.d/*.conf"},            // Debian, Ubuntu
	{"etc/php-fpm.conf", "etc/php-fpm.d/*.conf"},                             // Fedora, RHEL
	{"usr/local/etc/php-fpm.conf", "usr/local/etc/php-fpm.d/*.conf"},         // the official image, FreeBSD
	{"etc/php/php-fpm.conf", "etc/php/php-fpm.d/*.conf"},                     // Arch
	{"etc/php[0-9]*/php-fpm.conf", "etc/php[0-9]*/php-fpm.d/*.conf"},         // Alpine, SUSE
	{"etc/opt/remi/php*/php-fpm.conf", "etc/opt/remi/php*/php-fpm.d/*.conf"}, // Remi's packages
	{"opt/bitnami/php/etc/php-fpm.conf", "opt/bitnami/php/etc/php-fpm.d/*.conf"},
	{"opt/homebrew/etc/php/*/php-fpm.conf", "opt/homebrew/etc/php/*/php-fpm.d/*.conf"},
	{"usr/local/etc/php/*/php-fpm.conf", "usr/local/etc/php/*/php-fpm.d/*.conf"},
}

// FindPools returns the addresses that the pool files of the system whose
// files are root name in listen =, in the order of the pools. A pool that
// several files define has the last one's, as with php-fpm.
func FindPools(root fs.FS) []Place {
	var found []Place
	read := make(map[string]bool) // by any php-fpm
	for _, usual := range usualConfigs {
		mains, _ := fs.Glob(root, usual.main)
		for _, main := range mains {
			c := config{root: root, prefix: path.Dir(path.Dir(main)), read: read}
			c.file(main, 0)
			found = append(found, c.places()...)
		}
		var c config
		pools, _ := fs.Glob(root, usual.pools)
		for i, file := range pools {
			if i == 0 || path.Dir(file) != path.Dir(pools[i-1]) { // that of another version
				found = append(found, c.places()...)
				c = config{root: root, prefix: path.Dir(path.Dir(path.Dir(file))), read: read}
			}
			c.section = ""
			c.file(file, 0)
		}
		found = append(found, c.places()...)
	}
	return found
}

// A config is what the files of one php-fpm say.
type config struct {
	root    fs.FS
	prefix  string          // below which names that are not absolute are
	read    map[string]bool // files
	files   int
	section string // that the next line belongs to
	pools   []poolListen
}

// A poolListen is the address of a pool, as written.
type poolListen struct{ name, listen, from string }

// places returns the addresses of the pools.
func (c *config) places() []Place {
	var places []Place
	for _, p := range c.pools {
		if p.listen == "" {
			continue
		}
		place := Place{Pool: p.name, From: p.from}
		place.Addr, place.Err = listenAddr(p.listen)
		if place.Err != nil {
			place.Err = fmt.Errorf("fpm: listen = %q: %w", p.listen, place.Err)
		}
		places = append(places, place)
	}
	return places
}

// file reads a file, and those that it includes at that place.
func (c *config) file(name string, depth int) {
	if c.read[name] || c.files == maxConfigs {
		return
	}
	info, err := fs.Stat(c.root, name)
	if err != nil || !info.Mode().IsRegular() { // opening a pipe would wait
		return
	}
	f, err := c.root.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	c.read[name] = true
	c.files++
	lines := bufio.NewScanner(io.LimitReader(f, maxConfigSize))
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if name, ok := sectionName(line); ok {
			c.section = name
			continue
		}
		key, value, ok := setting(line)
		switch {
		case ok && key == "include":
			c.include(value, depth+1)
		case ok && key == "listen" && c.section != "" && c.section != "global":
			c.listen(strings.ReplaceAll(value, "$pool", c.section), fmt.Sprintf("/%s:%d", name, n))
		}
	}
}

// include reads the files of a pattern, in order.
func (c *config) include(pattern string, depth int) {
	if depth > maxIncludes {
		return
	}
	if path.IsAbs(pattern) {
		pattern = path.Clean(pattern)[1:]
	} else {
		pattern = path.Join(c.prefix, pattern)
	}
	names, _ := fs.Glob(c.root, pattern)
	for _, name := range names {
		c.file(name, depth)
	}
}

// listen sets the address of the pool whose section it is.
func (c *config) listen(value, from string) {
	for i := range c.pools {
		if c.pools[i].name == c.section {
			c.pools[i].listen, c.pools[i].from = value, from
			return
		}
	}
	if len(c.pools) == maxPools {
		return
	}
	c.pools = append(c.pools, poolListen{c.section, value, from})
}

// sectionName reads [NAME].
func sectionName(line []byte) (string, bool) {
	if len(line) == 0 || line[0] != '[' {
		return "", false
	}
	name, _, ok := strings.Cut(string(line[1:]), "]")
	return strings.TrimSpace(name), ok
}

// setting reads NAME = VALUE as php-fpm does: a value may stand in quotes, and
// what follows a semicolon outside them is a comment.
func setting(line []byte) (key, value string, ok bool) {
	if len(line) == 0 || line[0] == ';' || line[0] == '#' {
		return "", "", false
	}
	key, value, ok = strings.Cut(string(line), "=")
	value = strings.TrimSpace(value)
	for _, quote := range []string{`"`, "'"} {
		if inner, quoted := strings.CutPrefix(value, quote); quoted {
			inner, _, ok = strings.Cut(inner, quote)
			return strings.TrimSpace(key), inner, ok
		}
	}
	value, _, _ = strings.Cut(value, ";")
	return strings.TrimSpace(key), strings.TrimSpace(value), ok
}
