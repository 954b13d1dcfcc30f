package pretty

import "bytes"

// claimForm: what a browser sends from a form.
func claimForm(m Meta, b []byte) int {
	if m.Type != "application/x-www-form-urlencoded" || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' }) {
		return 0
	}
	return claimType
}

// renderForm shows one field a line, decoded.
func renderForm(dst []byte, m Meta, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	for field := range bytes.SplitSeq(b, []byte("&")) {
		name, value, ok := bytes.Cut(field, []byte("="))
		dst = appendClean(dst, formDecode(name))
		if ok {
			dst = appendClean(append(dst, " = "...), formDecode(value))
		}
		dst = append(dst, '\n')
	}
	return dst
}

// formDecode decodes %XX and +. What is no escape stays as it is.
func formDecode(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '+':
			out = append(out, ' ')
		case b[i] == '%' && i+2 < len(b) && unhex(b[i+1]) < 16 && unhex(b[i+2]) < 16:
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// unhex returns the value of a hexadecimal digit, 255 for anything else.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 255
}
