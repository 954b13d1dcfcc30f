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
		dst = strconv.AppendInt(append(dst, "lost: "...), e.Length, 10)
		dst = append(dst, " events, they came too fast"...)
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

// appendDamage says what is wrong with the bytes of a gap, desync or truncated
// event.
func appendDamage(dst []byte, e *flow.Event) []byte {
	switch e.Kind {
	case flow.KindGap:
		dst = append(dst, "gap: "...)
		if e.Length >= 0 {
			dst = append(strconv.AppendInt(dst, e.Length, 10), ' ')
		}
		dst = append(dst, "bytes are missing"...)
	case flow.KindDesync:
		dst = strconv.AppendInt(append(dst, "no record: "...), int64(len(e.Data)), 10)
		dst = append(dst, " bytes"...)
		if e.Hint != "" {
			dst = appendClean(append(dst, ", "...), []byte(e.Hint))
		}
	case flow.KindTruncated:
		dst = strconv.AppendInt(append(dst, "truncated: "...), e.Got, 10)
		dst = strconv.AppendInt(append(dst, " of "...), e.Length, 10)
		dst = append(dst, " bytes"...)
		if e.Got >= 8 {
			dst, _ = e.Header.Type.AppendText(append(dst, " of "...))
			dst = strconv.AppendUint(append(dst, " id="...), uint64(e.Header.RequestID), 10)
		}
	}
	return dst
}
