package commands

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/urfave/cli/v2"
)

// A duration is the value of a flag: with a unit, or a bare number of seconds
// as curl takes it. 0 is no limit.
type duration time.Duration

// Set implements flag.Value.
func (d *duration) Set(s string) error {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if math.IsNaN(seconds) || seconds < 0 || seconds > float64(math.MaxInt64/int64(time.Second)) {
			return fmt.Errorf("not a length of time")
		}
		*d = duration(seconds * float64(time.Second))
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("want seconds (5, 0.5) or a number with a unit (300ms, 2m)")
	}
	*d = duration(v)
	return nil
}

// String returns such as "1m0s".
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	s := time.Duration(*d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

// durationFlag makes a flag that holds its value in d.
func durationFlag(category, name string, aliases []string, usage string, d *duration) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Category: category, Usage: usage, Value: d}
}

// A list is the value of a flag that may come several times; values are kept
// as they are and in order.
type list []string

// Set implements flag.Value.
func (l *list) Set(s string) error {
	if s != theSame {
		*l = append(*l, s)
	}
	return nil
}

// Serialize is what the library sets the aliases of a flag to; they are the
// same list, which has its values already.
func (l *list) Serialize() string { return theSame }

// theSame is what no argument of a process can be.
const theSame = "\x00"

// String returns "": such flags have no default.
func (l *list) String() string { return "" }

// A choice is the value of a flag that takes one of some words.
type choice struct {
	word  string
	words []string
}

// Set implements flag.Value.
func (c *choice) Set(s string) error {
	// The specification writes RESPONDER.
	for _, w := range c.words {
		if strings.EqualFold(w, s) {
			c.word = w
			return nil
		}
	}
	if near := wire.Nearest(s, c.words); near != "" && len(s) > 1 { // 2 is no misspelt 1
		return fmt.Errorf("did you mean %s?", near)
	}
	return fmt.Errorf("want %s", orList(c.words))
}

// String returns the word.
func (c *choice) String() string { return c.word }

// offer prints the words that complete current.
func (c *choice) offer(w io.Writer, current string) {
	for _, word := range c.words {
		candidate(w, current, word, "")
	}
}

// choiceFlag makes a flag that takes one of words.
func choiceFlag(category, name string, aliases []string, usage string, c *choice) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Category: category, Usage: usage, Value: c}
}

// orList returns "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// A byteSize is the value of a flag: bytes, with K, M or G for powers of 1024.
type byteSize int64

// Set implements flag.Value.
func (n *byteSize) Set(s string) error {
	digits, shift := s, 0
	if len(s) > 0 {
		if i := strings.IndexByte("KMG", s[len(s)-1]&^0x20); i >= 0 {
			digits, shift = s[:len(s)-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64>>shift {
		return fmt.Errorf("want bytes, such as 65536, 64K, 10M or 1G")
	}
	*n = byteSize(v << shift)
	return nil
}

// String returns such as 64K, and "" for 0, which is the default.
func (n *byteSize) String() string {
	v, unit := int64(*n), ""
	for _, larger := range []string{"K", "M", "G"} {
		if v == 0 || v%1024 != 0 {
			break
		}
		v, unit = v/1024, larger
	}
	if v == 0 {
		return ""
	}
	return strconv.FormatInt(v, 10) + unit
}

// shellWord returns s as a word of a shell's command line.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:@%+=,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
