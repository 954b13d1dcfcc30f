package server

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A change writes what becomes of one record.
type change func(b *breaker, x *Exchange, rec wire.Record) error

// Faults returns all ways to break the protocol, in the order of the table. The
// table is made when it is asked for: it holds long answers, which most
// programs never send.
func Faults() []Fault {
	return []Fault{
		// Streams and their ends.
		{ID: "no-stdout-end", Help: "STDOUT is not ended by an empty record, as php-fpm does", Rule: wire.RuleStdoutUnended, write: onEmptyStdout(drop)},
		{ID: "stdout-end-first", Help: "the empty record comes first, the data of STDOUT after it", Rule: wire.RuleStreamEnded, write: onFirst(func(b *breaker, x *Exchange, rec wire.Record) error {
			return b.put(wire.NewRecord(wire.TypeStdout, x.ID, nil), rec)
		})},
		{ID: "stdout-end-twice", Help: "two empty STDOUT records", Rule: wire.RuleStreamEnded, write: onEmptyStdout(twice)},
		{ID: "stdout-after-end", Help: "STDOUT goes on after END_REQUEST", Rule: wire.RuleOutputInactive, write: onEnd(func(b *breaker, x *Exchange, rec wire.Record) error {
			return b.put(rec, wire.NewRecord(wire.TypeStdout, x.ID, []byte("after the end")))
		})},
		{ID: "stderr-after-stdout", Help: "STDERR comes after the end of STDOUT", write: onEnd(func(b *breaker, x *Exchange, rec wire.Record) error {
			return b.put(wire.NewRecord(wire.TypeStderr, x.ID, []byte("after STDOUT\n")), wire.NewRecord(wire.TypeStderr, x.ID, nil), rec)
		})},
		{ID: "stderr-only", Help: "STDERR and END_REQUEST, no STDOUT", Rule: wire.RuleResponseHeader, write: func(b *breaker, x *Exchange, rec wire.Record) error {
			switch rec.Type {
			case wire.TypeStdout:
				return nil
			case wire.TypeEndRequest:
				return b.put(wire.NewRecord(wire.TypeStderr, x.ID, []byte("only this\n")), wire.NewRecord(wire.TypeStderr, x.ID, nil), rec)
			}
			return b.put(rec)
		}},
		{ID: "stderr-flood", Help: "64 KiB of STDERR before the answer", write: onFirst(func(b *breaker, x *Exchange, rec wire.Record) error {
			line := wire.NewRecord(wire.TypeStderr, x.ID, bytes.Repeat([]byte("0123456789abcde\n"), 64))
			for range 64 {
				if err := b.put(line); err != nil {
					return err
				}
			}
			return b.put(rec)
		})},

		// END_REQUEST.
		{ID: "no-end", Help: "no END_REQUEST: the connection is closed after the output", Rule: wire.RuleNoEnd, write: onEnd(hangUp)},
		{ID: "no-end-open", Help: "no END_REQUEST, and the connection stays open", write: onEnd(stall)},
		{ID: "end-only", Help: "END_REQUEST without any output", Rule: wire.RuleResponseHeader, write: endOnly(func(*wire.EndRequest) {})},
		{ID: "end-twice", Help: "END_REQUEST twice", Rule: wire.RuleEndInactive, write: onEnd(twice)},
		{ID: "end-first", Help: "END_REQUEST before the output", Rule: wire.RuleOutputInactive, write: func(b *breaker, x *Exchange, rec wire.Record) error {
			if rec.Type == wire.TypeEndRequest {
				return nil
			}
			return onFirst(func(b *breaker, x *Exchange, rec wire.Record) error {
				return b.put(wire.EndRecord(x.ID, 0, wire.RequestComplete), rec)
			})(b, x, rec)
		}},
		{ID: "end-empty", Help: "an END_REQUEST without a body", Rule: wire.RuleBodyLength, write: onEnd(endBody(0))},
		{ID: "end-short", Help: "an END_REQUEST of 7 bytes", Rule: wire.RuleBodyLength, write: onEnd(endBody(7))},
		{ID: "end-long", Help: "an END_REQUEST of 16 bytes", Rule: wire.RuleBodyLength, write: onEnd(endBody(16))},
		{ID: "end-reserved", Help: "the reserved bytes of END_REQUEST are not 0, as with php-fpm", Rule: wire.RuleBodyReserved, write: onEnd(func(b *breaker, _ *Exchange, rec wire.Record) error {
			copy(rec.Content[5:], "ini")
			return b.put(rec)
		})},
		{ID: "cant-mpx-conn", Help: "END_REQUEST with CANT_MPX_CONN, no output", write: endOnly(status(wire.CantMultiplex))},
		{ID: "overloaded", Help: "END_REQUEST with OVERLOADED, no output", write: endOnly(status(wire.Overloaded))},
		{ID: "unknown-role", Help: "END_REQUEST with UNKNOWN_ROLE, no output", write: endOnly(status(wire.UnknownRole))},
		{ID: "unknown-status", Help: "END_REQUEST with the protocolStatus 9, no output", Rule: wire.RuleUnknownStatus, write: endOnly(status(9))},
		{ID: "late-status", Help: "the whole output, then END_REQUEST with OVERLOADED", write: onEnd(endWith(status(wire.Overloaded)))},
		{ID: "app-status", Help: "the whole output, then END_REQUEST with appStatus 5", write: onEnd(endWith(func(e *wire.EndRequest) { e.AppStatus = 5 }))},

		// Headers of records.
		{ID: "version-0", Help: "records of version 0", Rule: wire.RuleVersion, write: header(func(h *wire.Header) { h.Version = 0 })},
		{ID: "version-2", Help: "records of version 2", Rule: wire.RuleVersion, write: header(func(h *wire.Header) { h.Version = 2 })},
		{ID: "wrong-id", Help: "records of the request id after the right one", Rule: wire.RuleOutputInactive, write: header(func(h *wire.Header) { h.RequestID = max(1, h.RequestID+1) })},
		{ID: "id-high-byte", Help: "request ids with 256 added", Rule: wire.RuleOutputInactive, write: header(func(h *wire.Header) { h.RequestID ^= 256 })},
		{ID: "id-0", Help: "application records with the request id 0", Rule: wire.RuleApplicationID, write: header(func(h *wire.Header) { h.RequestID = 0 })},
		{ID: "foreign-records", Help: "records of another request before the answer", Rule: wire.RuleOutputInactive, write: onFirst(func(b *breaker, x *Exchange, rec wire.Record) error {
			other := max(1, x.ID+1)
			return b.put(wire.NewRecord(wire.TypeStdout, other, []byte("Content-Type: text/plain\r\n\r\nof another request")), wire.NewRecord(wire.TypeStdout, other, nil), rec)
		})},
		{ID: "unknown-type", Help: "a record of type 12 before the answer", Rule: wire.RuleUnknownType, write: before(12)},
		{ID: "type-0", Help: "a record of type 0 before the answer", Rule: wire.RuleUnknownType, write: before(0)},
		{ID: "wrong-direction", Help: "a STDIN record before the answer", Rule: wire.RuleDirection, write: before(wire.TypeStdin)},
		{ID: "management-first", Help: "an UNKNOWN_TYPE that nobody provoked before the answer", Rule: wire.RuleUnknownTypeAnswer, write: onFirst(func(b *breaker, _ *Exchange, rec wire.Record) error {
			return b.put(wire.UnknownTypeRecord(42), rec)
		})},
		{ID: "values-first", Help: "a GET_VALUES_RESULT that nobody asked for before the answer", Rule: wire.RuleGetValuesAnswer, write: onFirst(func(b *breaker, _ *Exchange, rec wire.Record) error {
			return b.put(wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair(wire.MpxsConns, "1").Append(nil)), rec)
		})},
		{ID: "reserved", Help: "the reserved byte of the headers is 255", Rule: wire.RuleHeaderReserved, write: header(func(h *wire.Header) { h.Reserved = 255 })},
		{ID: "length-too-long", Help: "the header of the first record announces 8 bytes more than it has", write: onFirst(func(b *breaker, _ *Exchange, rec wire.Record) error {
			return b.raw(rec, func(h *wire.Header) { h.ContentLength = uint16(min(len(rec.Content)+8, wire.MaxContent)) })
		})},
		{ID: "length-too-short", Help: "the header of the first record announces 1 byte less than it has", Rule: wire.RuleNoEnd, write: onFirst(func(b *breaker, _ *Exchange, rec wire.Record) error {
			return b.raw(rec, func(h *wire.Header) { h.ContentLength = uint16(max(len(rec.Content)-1, 0)) })
		})},

		// Padding and the sizes of records.
		{ID: "padding-255", Help: "255 bytes of padding on every record, empty ones and END_REQUEST too", write: padding(func(int) int { return 255 }, 0)},
		{ID: "padding-odd", Help: "1, 2, 3 … bytes of padding", write: padding(func(i int) int { return i%7 + 1 }, 0)},
		{ID: "padding-nonzero", Help: "padding that is not 0", Rule: wire.RulePaddingNonzero, write: padding(func(int) int { return 5 }, 'P')},
		{ID: "padding-none", Help: "no padding", write: padding(func(int) int { return 0 }, 0)},
		{ID: "large-records", Help: "STDOUT records of 65535 bytes with 255 bytes of padding", Rule: wire.RuleRecordTooLarge, write: onFirst(func(b *breaker, _ *Exchange, rec wire.Record) error {
			fill := bytes.Repeat([]byte("0123456789abcde\n"), wire.MaxContent/16+1)
			large := append(bytes.Clone(rec.Content), fill...)[:wire.MaxContent]
			rec = wire.NewRecord(rec.Type, rec.RequestID, large)
			rec.Padding = make([]byte, wire.MaxPadding)
			return b.put(rec)
		})},
		{ID: "tiny-records", Help: "STDOUT records of 1 byte", write: func(b *breaker, x *Exchange, rec wire.Record) error {
			if rec.Type != wire.TypeStdout || len(rec.Content) == 0 {
				return b.put(rec)
			}
			for i := range rec.Content {
				if err := b.put(wire.NewRecord(rec.Type, rec.RequestID, rec.Content[i:i+1])); err != nil {
					return err
				}
			}
			return nil
		}},
		{ID: "tiny-writes", Help: "every byte in a write of its own", write: func(b *breaker, _ *Exchange, rec wire.Record) error {
			for _, one := range padded(rec).Append(nil) {
				if err := b.bytes([]byte{one}); err != nil {
					return err
				}
			}
			return nil
		}},

		// The connection.
		{ID: "close-at-once", Help: "the connection is closed without an answer", Rule: wire.RuleNoEnd, write: hangUp},
		{ID: "close-in-header", Help: "the connection is closed in the header of the first record", Rule: wire.RuleNoEnd, write: cut(func(int) int { return 5 }, hangUp)},
		{ID: "close-in-record", Help: "the connection is closed in the middle of the first record", Rule: wire.RuleNoEnd, write: cut(half, hangUp)},
		{ID: "close-in-answer", Help: "the connection is closed after the first record", Rule: wire.RuleNoEnd, write: afterFirst(hangUp)},
		{ID: "reset", Help: "the connection is reset in the middle of the first record (closed, where it is a Unix socket)", Rule: wire.RuleNoEnd, write: cut(half, func(b *breaker, _ *Exchange, _ wire.Record) error { return b.reset() })},
		{ID: "stays-open", Help: "the connection is not closed after the answer, KEEP_CONN or not", write: onEnd(func(b *breaker, _ *Exchange, rec wire.Record) error {
			b.stay()
			return b.put(rec)
		})},
		{ID: "stall", Help: "no answer, and the connection stays open", write: stall},
		{ID: "stall-in-record", Help: "the first half of the first record, and then nothing", write: cut(half, stall)},
		{ID: "stall-in-answer", Help: "the first record, and then nothing", write: afterFirst(stall)},
		{ID: "flood", Help: "STDOUT without end", write: onEmptyStdout(func(b *breaker, x *Exchange, _ wire.Record) error {
			fill := bytes.Repeat([]byte("fcgiscope flood\n"), 2048)
			for {
				if err := b.put(wire.NewRecord(wire.TypeStdout, x.ID, fill)); err != nil {
					return err
				}
			}
		})},

		// No FastCGI at all.
		{ID: "http", Help: "an HTTP response instead of FastCGI", Rule: wire.RuleNoEnd, write: instead("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhttp\n")},
		{ID: "garbage", Help: "bytes that mean nothing instead of FastCGI", Rule: wire.RuleNoEnd, write: instead(strings.Repeat("\xde\xad\xbe\xef\x00\xff\x1b[2J\r\n", 20))},
		{ID: "cgi", Help: "the CGI response without FastCGI records", Rule: wire.RuleNoEnd, write: instead("Content-Type: text/plain\r\n\r\nno records\n")},

		// The CGI response.
		{ID: "no-header", Help: "a body without the CGI header", Rule: wire.RuleResponseHeader, write: response1("just a body\n")},
		{ID: "unfinished-header", Help: "a CGI header without its empty line", Rule: wire.RuleResponseHeader, write: response1("Content-Type: text/plain\r\nX-Unfinished: yes")},
		{ID: "bad-header", Help: "a CGI header line without a colon", Rule: wire.RuleResponseHeader, write: response1("Content-Type: text/plain\r\nthis is no header line\r\n\r\nbody\n")},
		{ID: "bad-status", Help: "Status: abc", Rule: wire.RuleResponseHeader, write: response1("Status: abc\r\nContent-Type: text/plain\r\n\r\nbody\n")},
		{ID: "nph", Help: "an HTTP status line in the CGI response", Rule: wire.RuleNPH, write: response1("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nbody\n")},
		{ID: "big-header", Help: "a CGI header of 40 KiB", write: response1(bigHeader(40 << 10))},
		{ID: "length-small", Help: "a Content-Length of 3 for a body of 5 bytes", write: response1("Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nbody\n")},
		{ID: "length-big", Help: "a Content-Length of 100 for a body of 5 bytes", write: response1("Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nbody\n")},
	}
}

func drop(*breaker, *Exchange, wire.Record) error          { return nil }
func stall(b *breaker, _ *Exchange, _ wire.Record) error   { return b.stall() }
func hangUp(b *breaker, x *Exchange, _ wire.Record) error  { return b.hangUp(x) }
func twice(b *breaker, _ *Exchange, rec wire.Record) error { return b.put(rec, rec) }
func half(n int) int                                       { return n / 2 }
func status(s wire.ProtocolStatus) func(e *wire.EndRequest) {
	return func(e *wire.EndRequest) { e.Status = s }
}

// onEnd changes END_REQUEST.
func onEnd(do change) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if rec.Type == wire.TypeEndRequest {
			return do(b, x, rec)
		}
		return b.put(rec)
	}
}

// onEmptyStdout changes the record that ends STDOUT.
func onEmptyStdout(do change) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if rec.Type == wire.TypeStdout && len(rec.Content) == 0 {
			return do(b, x, rec)
		}
		return b.put(rec)
	}
}

// onFirst changes the first record of the answer.
func onFirst(do change) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if x.broken.records == 0 {
			return do(b, x, rec)
		}
		return b.put(rec)
	}
}

// afterFirst does something in the place of the second record.
func afterFirst(do change) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if x.broken.records == 1 {
			return do(b, x, rec)
		}
		return b.put(rec)
	}
}

// before puts an empty record of a type before the answer.
func before(t wire.Type) change {
	return onFirst(func(b *breaker, x *Exchange, rec wire.Record) error {
		return b.put(wire.NewRecord(t, x.ID, []byte("8 bytes.")), rec)
	})
}

// header changes the headers of all records.
func header(do func(*wire.Header)) change {
	return func(b *breaker, _ *Exchange, rec wire.Record) error { return b.raw(rec, do) }
}

// padding gives the i-th record its padding.
func padding(size func(i int) int, fill byte) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		rec.Padding = bytes.Repeat([]byte{fill}, size(x.broken.records))
		return b.put(rec)
	}
}

// cut sends a part of the first record and does something else then.
func cut(size func(int) int, then change) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		whole := padded(rec).Append(nil)
		if err := b.bytes(whole[:size(len(whole))]); err != nil {
			return err
		}
		return then(b, x, rec)
	}
}

// instead sends bytes for the answer and closes.
func instead(answer string) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if err := b.bytes([]byte(answer)); err != nil {
			return err
		}
		return b.hangUp(x)
	}
}

// endOnly leaves the output out.
func endOnly(do func(*wire.EndRequest)) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		if rec.Type == wire.TypeEndRequest {
			return endWith(do)(b, x, rec)
		}
		return nil
	}
}

func endWith(do func(*wire.EndRequest)) change {
	return func(b *breaker, _ *Exchange, rec wire.Record) error {
		e, err := wire.ParseEndRequest(rec.Content)
		if err != nil {
			return fmt.Errorf("server: our own END_REQUEST: %w", err)
		}
		do(&e)
		return b.put(wire.NewRecord(rec.Type, rec.RequestID, e.Append(nil)))
	}
}

// endBody gives END_REQUEST a body of n bytes.
func endBody(n int) change {
	return func(b *breaker, _ *Exchange, rec wire.Record) error {
		return b.put(wire.NewRecord(rec.Type, rec.RequestID, append(bytes.Clone(rec.Content), make([]byte, 16)...)[:n]))
	}
}

// response1 sends another CGI response.
func response1(text string) change {
	return func(b *breaker, x *Exchange, rec wire.Record) error {
		switch {
		case rec.Type != wire.TypeStdout:
			return b.put(rec)
		case len(rec.Content) == 0:
			return b.put(wire.NewRecord(wire.TypeStdout, x.ID, []byte(text)), rec)
		}
		return nil
	}
}

func bigHeader(size int) string {
	return "Content-Type: text/plain\r\nX-Big: " + strings.Repeat("x", size) + "\r\n\r\nbody\n"
}
