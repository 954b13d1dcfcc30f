package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Filter returns a handler for the role FILTER that answers with the DATA
// stream, each byte as change makes it. STDIN is read before and not looked at.
// When DATA has another length than FCGI_DATA_LENGTH says, STDERR tells it, and
// the appStatus is 1. See FastCGI 1.0, section 6.4.
func Filter(change func(byte) byte) Handler {
	var table [256]byte
	for i := range table {
		table[i] = change(byte(i))
	}
	return func(_ context.Context, x *Exchange) {
		if x.Role != wire.Filter {
			x.Respond(400, fmt.Sprintf("this is for the role FILTER, not %v", x.Role))
			return
		}
		// It may answer before DATA has ended, but not before STDIN has.
		if _, err := io.Copy(io.Discard, x.Stdin); err != nil {
			return
		}
		io.WriteString(x.Stdout, textHeader)
		buf := make([]byte, 32<<10)
		var total int64
		for {
			n, err := x.Data.Read(buf)
			total += int64(n)
			for i, c := range buf[:n] {
				buf[i] = table[c]
			}
			if _, err := x.Stdout.Write(buf[:n]); err != nil {
				return
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
		}
		if want := x.Param("FCGI_DATA_LENGTH"); want != strconv.FormatInt(total, 10) {
			fmt.Fprintf(x.Stderr, "filter: DATA has %d bytes, FCGI_DATA_LENGTH is %q\n", total, want)
			x.SetAppStatus(1)
		}
	}
}

// Upper makes small letters of ASCII capital, for Filter.
func Upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

// Lower makes capital letters of ASCII small, for Filter.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Rot13 puts letters of ASCII 13 places on, for Filter: done twice it is nothing.
func Rot13(c byte) byte {
	switch l := Lower(c); {
	case 'a' <= l && l <= 'm':
		c += 13
	case 'n' <= l && l <= 'z':
		c -= 13
	}
	return c
}
