package redact

// cookie hides the values of cookies: what is between = and ;. With once, as in
// Set-Cookie, only the first one: attributes follow it. Several Set-Cookie may
// have been joined with commas, so = behind a comma begins a value again (the
// date of Expires has a comma, but no =).
type cookie struct {
	once  bool
	value bool
	begun bool // a byte of the value was there
	quote bool // the value is quoted: ; belongs to it
	over  bool
}

func (s *cookie) run(dst, src []byte) { each(s.step, dst, src) }

func (s *cookie) step(c byte) byte {
	switch {
	case s.over:
		s.over = c != ','
		return c
	case !s.value:
		s.value, s.begun = c == '=', false
		s.over = s.once && c == ';'
		return c
	case c == ';' && !s.quote:
		s.value, s.over = false, s.once
		return c
	case c == '"':
		s.quote = !s.begun
	}
	s.begun = true
	return hidden(c)
}
