package wire

// A Record is one record as it is on the wire. See FastCGI 1.0, section 3.3.
type Record struct {
	Header
	Content []byte // at most MaxContent bytes
	Padding []byte // at most MaxPadding bytes, which mean nothing
}

// Append appends the bytes of r to dst. The lengths in the header that is
// written are those of the slices; content above 65535 bytes and padding above
// 255 do not fit a record and make it panic, as they are mistakes of the
// caller. Use Writer.WriteRaw to lie about the lengths.
func (r Record) Append(dst []byte) []byte {
	if len(r.Content) > MaxContent || len(r.Padding) > MaxPadding {
		panic("wire: record content or padding too long")
	}
	h := r.Header
	h.ContentLength = uint16(len(r.Content))
	h.PaddingLength = uint8(len(r.Padding))
	dst = h.Append(dst)
	dst = append(dst, r.Content...)
	return append(dst, r.Padding...)
}

// Clone returns a copy of r that shares no memory with it.
func (r Record) Clone() Record {
	b := make([]byte, 0, len(r.Content)+len(r.Padding))
	b = append(b, r.Content...)
	b = append(b, r.Padding...)
	r.Content, r.Padding = b[:len(r.Content):len(r.Content)], b[len(r.Content):]
	return r
}

// Split takes the first record off b and returns it with the number of bytes
// it takes. n is 0 when b holds less than a whole record; rec.Header is set
// nevertheless once b holds the eight bytes of it. The slices of rec point
// into b. Split never fails: see ParseHeader.
func Split(b []byte) (rec Record, n int) {
	n = split(b, &rec)
	return rec, n
}

// split is Split without copying the result: a Record has 56 bytes.
func split(b []byte, rec *Record) (n int) {
	if len(b) < HeaderLen {
		return 0
	}
	rec.Header = ParseHeader((*[HeaderLen]byte)(b))
	end := HeaderLen + int(rec.ContentLength)
	n = end + int(rec.PaddingLength)
	if len(b) < n {
		return 0
	}
	rec.Content = b[HeaderLen:end:end]
	rec.Padding = b[end:n:n]
	return n
}
