package redact

// cookie hides the values of cookies: what is between = and ;. With once, as in
// Set-Cookie, only the first one: attributes follow it.
type cookie struct {
	once  bool
	value bool
	begun bool // a byte of the value was there
	quote bool // the value is quoted: ; belongs to it
	over  bool
}

func (s *cookie) step(c byte) byte {
	switch {
	case s.over:
		return c
	case !s.value:
		s.value, s.begun = c == '=', false
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
