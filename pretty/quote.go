package pretty

import (
	"unicode/utf8"

	"github.com/fcgiscope/fcgiscope/wire/text"
)

// Quote returns b as a string in double quotes that can be shown anywhere:
// printable characters as they are, everything else escaped. If max is not 0
// and b is longer than max bytes, "..." stands for the rest.
//
// Quote, and Clean for what is mostly the program's own words, are the only
// ways in which bytes from a peer become text.
func Quote(b []byte, max int) string { return string(appendQuote(nil, b, max)) }

func appendQuote(dst, b []byte, max int) []byte {
	cut := clip(b, max)
	dst = text.Quote(dst, cut)
	if len(cut) < len(b) {
		dst = append(dst, "..."...)
	}
	return dst
}

// Clean returns s with everything escaped that is not printable, without
// quotes around it.
func Clean(s string) string { return string(appendClean(nil, []byte(s))) }

func appendClean(dst, b []byte) []byte {
	start := len(dst)
	dst = text.Escape(dst, b)
	// Outside of quotes, quotes need no escape; nor does a backslash.
	out := dst[:start]
	for i := start; i < len(dst); i++ {
		if dst[i] == '\\' && (dst[i+1] == '"' || dst[i+1] == '\\') {
			i++
		}
		out = append(out, dst[i])
	}
	return out
}

// clip returns the first max bytes of b, a few less where that would cut a
// character; all of b if max is 0.
func clip(b []byte, max int) []byte {
	if max <= 0 || len(b) <= max {
		return b
	}
	for i := max; i > 0 && i > max-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return b[:i]
		}
	}
	return b[:max]
}
