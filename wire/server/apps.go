package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"time"
)

func hello(_ context.Context, x *Exchange) {
	io.WriteString(x.Stdout, textHeader+"Hello from fcgiscope.\n")
}

func env(_ context.Context, x *Exchange) {
	io.WriteString(x.Stdout, textHeader)
	writeParams(x.Stdout, x.Params)
}

// upload reads the body and says what it was.
func upload(_ context.Context, x *Exchange) {
	sum := sha256.New()
	var to io.Writer = sum
	if queryValue(x, "sum") == "none" { // it takes longer than all the rest
		to = io.Discard
	}
	began := time.Now()
	n, err := io.Copy(to, x.Stdin)
	if err != nil {
		return
	}
	io.WriteString(x.Stdout, textHeader)
	fmt.Fprintf(x.Stdout, "received %d bytes in %v\nCONTENT_LENGTH=%s\nCONTENT_TYPE=%s\n",
		n, time.Since(began).Round(time.Millisecond), oneLine([]byte(x.Param("CONTENT_LENGTH"))), oneLine([]byte(x.Param("CONTENT_TYPE"))))
	if to != io.Discard {
		fmt.Fprintf(x.Stdout, "sha256 %x\n", sum.Sum(nil))
	}
}

// slow writes a line, waits, and so on.
func slow(ctx context.Context, x *Exchange) {
	lines, pause := queryNumber(x, "lines", 5), queryNumber(x, "ms", 1000)
	io.WriteString(x.Stdout, textHeader)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range lines {
		if i > 0 {
			timer.Reset(time.Duration(min(pause, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		fmt.Fprintf(x.Stdout, "line %d of %d\n", i+1, lines)
		if x.Flush() != nil {
			return
		}
	}
}

// big writes so many bytes.
func big(_ context.Context, x *Exchange) {
	left := queryNumber(x, "bytes", 10<<20)
	fmt.Fprintf(x.Stdout, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n", left)
	fill := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"), chunk/64)
	for left > 0 {
		n, err := x.Stdout.Write(fill[:min(left, int64(len(fill)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

// stderrApp writes to STDERR before, in and after the answer.
func stderrApp(_ context.Context, x *Exchange) {
	lines := queryNumber(x, "lines", 1)
	io.WriteString(x.Stderr, "stderr before the answer\n")
	io.WriteString(x.Stdout, textHeader+"the first half\n")
	for i := range lines {
		if _, err := fmt.Fprintf(x.Stderr, "stderr line %d of %d\n", i+1, lines); err != nil {
			return
		}
	}
	io.WriteString(x.Stdout, "the second half\n")
	io.WriteString(x.Stderr, "stderr after the answer\n")
}

// statusApp answers with the status and the appStatus that it is told.
func statusApp(_ context.Context, x *Exchange) {
	status := queryNumber(x, "status", 404)
	if status < 100 || status > 999 {
		x.Respond(400, fmt.Sprintf("no status: %d", status))
		return
	}
	x.SetAppStatus(uint32(queryNumber(x, "app", 0)))
	fmt.Fprintf(x.Stdout, "Status: %d %s\r\n", status, http.StatusText(int(status)))
	if to := queryValue(x, "location"); to != "" && isLine([]byte(to)) {
		fmt.Fprintf(x.Stdout, "Location: %s\r\n", to)
	}
	io.WriteString(x.Stdout, textHeader)
	fmt.Fprintf(x.Stdout, "%d %s\n", status, http.StatusText(int(status)))
}

// crash fails: at once, or after the first part of the answer was sent.
func crash(_ context.Context, x *Exchange) {
	switch queryValue(x, "how") {
	case "late":
		io.WriteString(x.Stdout, textHeader+"the first half\n")
		x.Flush()
	case "goexit":
		runtime.Goexit()
	}
	panic("the app crash does what its name says")
}
