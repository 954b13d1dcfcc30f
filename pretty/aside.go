package pretty

import (
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// appendAside appends a comment line about what belongs to no request and must
// not be missed all the same, for formats that show requests: findings about
// the connection, bytes that are missing or are no record. Nothing for other
// events.
func appendAside(dst []byte, e *flow.Event) []byte {
	start := len(dst)
	dst = append(dst, "# "...)
	words := len(dst)
	switch e.Kind {
	case flow.KindFinding:
		dst = appendFinding(dst, e.Finding)
	case flow.KindGap, flow.KindDesync, flow.KindTruncated:
		dst = appendDamage(dst, e)
	case flow.KindLost:
		dst = appendCount(append(dst, "lost: "...), e.Length, "event")
		dst = append(append(dst, ' '), lostWhy(e)...)
	}
	if len(dst) == words {
		return dst[:start]
	}
	if e.Conn != nil {
		dst = strconv.AppendInt(append(dst, " (connection "...), int64(e.Conn.N), 10)
		dst = append(append(dst, ' '), e.Dir.String()...)
		dst = strconv.AppendInt(append(dst, " offset "...), e.Offset, 10)
		dst = append(dst, ')')
	}
	return append(dst, '\n')
}

// lostWhy says why events are missing.
func lostWhy(e *flow.Event) string {
	if e.Hint != "" {
		return e.Hint
	}
	return "that came too fast"
}

// appendDamage says what is wrong with the bytes of a gap, desync or truncated
// event.
func appendDamage(dst []byte, e *flow.Event) []byte {
	switch e.Kind {
	case flow.KindGap:
		dst = append(dst, "gap: "...)
		if e.Length < 0 {
			return append(dst, "an unknown number of bytes missing"...)
		}
		dst = append(appendCount(dst, e.Length, "byte"), " missing"...)
	case flow.KindDesync:
		dst = appendCount(append(dst, "no record: "...), int64(len(e.Data)), "byte")
		if e.Hint != "" {
			dst = appendClean(append(dst, ", "...), []byte(e.Hint))
		}
	case flow.KindTruncated:
		dst = strconv.AppendInt(append(dst, "truncated: "...), e.Got, 10)
		dst = appendCount(append(dst, " of "...), e.Length, "byte")
		if e.Got >= 8 {
			dst, _ = e.Header.Type.AppendText(append(dst, " of "...))
			dst = strconv.AppendUint(append(dst, " id="...), uint64(e.Header.RequestID), 10)
		}
	}
	return dst
}

// appendCount appends a number of things: 1 byte, 2 bytes.
func appendCount(dst []byte, n int64, thing string) []byte {
	dst = append(append(strconv.AppendInt(dst, n, 10), ' '), thing...)
	if n != 1 {
		dst = append(dst, 's')
	}
	return dst
}
