package capture

import (
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// This file judges connections: whether they speak FastCGI, and which end is
// the application.

// judge says what the held bytes are. At the end of what there is (final) less
// certainty will do.
func (t *tracked) judge(final bool) verdict {
	var g [2]guess
	foreign := 0
	for side := range g {
		h := &t.heads[side]
		if g[side] = walk(h.buf); !g[side].strong && h.unknown {
			var found guess
			if found, h.scan = search(h.buf, h.scan); found.strong {
				g[side] = found
			}
		}
		if len(h.buf) >= wire.HeaderLen && !h.unknown && g[side].records == 0 && h.buf[0] != wire.Version1 {
			foreign++
		}
	}
	for _, strong := range []bool{true, false} {
		for side, x := range g {
			if x.strong == strong && (strong || final && x.records > 0 && x.known) {
				t.app = appOf(Side(side), x.dir)
				return fastCGI
			}
		}
	}
	switch {
	case final && t.framed(g):
		t.app = B
		return fastCGI
	case final, foreign == 2, foreign == 1 && (len(t.heads[A].buf) == 0 || len(t.heads[B].buf) == 0):
		return other
	}
	return undecided
}

// framed reports whether all that was sent are whole records of types that the
// specification does not know.
func (t *tracked) framed(g [2]guess) bool {
	sent := false
	for side := range g {
		if n := len(t.heads[side].buf); n > 0 {
			if !g[side].framed && (t.src.Network != "" || n >= wire.HeaderLen || t.heads[side].buf[0] != wire.Version1) {
				return false
			}
			sent = true
		}
	}
	return sent
}

// looks says what a connection that is no FastCGI looks like.
func (t *tracked) looks() string {
	for side := range t.heads {
		if h := &t.heads[side]; !h.unknown {
			if hint := wire.Hint(h.buf); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// appOf returns the application if side sends in direction dir.
func appOf(side Side, dir wire.Direction) Side {
	if dir == wire.ToApp {
		return side.Other()
	}
	return side
}

// hasPort reports whether one end has one of the ports, and makes it the app.
func (t *tracked) hasPort(ports []uint16) bool {
	for _, p := range ports {
		suffix := ":" + strconv.Itoa(int(p))
		if t.src.Network == "tcp" && strings.HasSuffix(t.src.Server, suffix) {
			t.app = B
			return true
		}
		if t.src.Network == "tcp" && strings.HasSuffix(t.src.Client, suffix) {
			t.app = A
			return true
		}
	}
	return false
}
