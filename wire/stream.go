package wire

// A StreamWriter writes one stream of a request as records.
// See FastCGI 1.0, section 3.3.
type StreamWriter struct {
	w  *Writer
	t  Type
	id uint16
}

// Stream returns a writer for a stream of bytes: STDIN, STDOUT, STDERR, DATA.
// It splits what is written into records as Writer.Chunk says; nothing is
// gathered from one Write to the next, and nothing sent before Writer.Flush or
// 64 KiB. It is an io.WriteCloser.
func (w *Writer) Stream(t Type, id uint16) *StreamWriter {
	return &StreamWriter{w: w, t: t, id: id}
}

// Write writes p as records. It writes none for an empty p: that would end the
// stream.
func (s *StreamWriter) Write(p []byte) (n int, err error) {
	chunk := s.w.chunk(s.t)
	for n < len(p) {
		part := p[n:min(n+chunk, len(p))]
		if err := s.w.WriteRecord(NewRecord(s.t, s.id, part)); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// Close writes the empty record that ends the stream. It does not flush.
func (s *StreamWriter) Close() error {
	return s.w.WriteRecord(NewRecord(s.t, s.id, nil))
}

// A PairWriter writes a stream of name-value pairs as records.
// See FastCGI 1.0, sections 3.4 and 5.2.
type PairWriter struct {
	w    *Writer
	t    Type
	id   uint16
	body []byte
}

// Pairs returns a writer for a stream of pairs: PARAMS. Each pair stays whole
// within a record, unless Writer.SplitPairs is set or it is larger than one.
func (w *Writer) Pairs(t Type, id uint16) *PairWriter {
	p := &PairWriter{w: w, t: t, id: id, body: w.pairs[:0]}
	w.pairs = nil
	return p
}

// WritePair adds a pair to the stream.
func (p *PairWriter) WritePair(pair Pair) error {
	chunk := p.w.chunk(p.t)
	if !p.w.SplitPairs && len(p.body) > 0 && len(p.body)+pair.Len() > chunk {
		if err := p.flush(len(p.body)); err != nil {
			return err
		}
	}
	p.body = pair.Append(p.body)
	for len(p.body) > chunk {
		if err := p.flush(chunk); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the first n bytes of what has been gathered as a record.
func (p *PairWriter) flush(n int) error {
	err := p.w.WriteRecord(NewRecord(p.t, p.id, p.body[:n]))
	p.body = append(p.body[:0], p.body[n:]...)
	return err
}

// Close writes what is left and the empty record that ends the stream. It does
// not flush the Writer.
func (p *PairWriter) Close() error {
	if len(p.body) > 0 {
		if err := p.flush(len(p.body)); err != nil {
			return err
		}
	}
	if cap(p.body) <= smallBuffer {
		p.w.pairs, p.body = p.body, nil
	}
	return p.w.WriteRecord(NewRecord(p.t, p.id, nil))
}
