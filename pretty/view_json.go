package pretty

import (
	"bytes"
	"encoding/json"
)

// claimJSON: a whole JSON document that is an object or a list.
func claimJSON(m Meta, b []byte) int {
	start := bytes.TrimLeft(b, " \t\r\n")
	if m.Cut || len(start) == 0 || start[0] != '{' && start[0] != '[' || !json.Valid(b) {
		return 0
	}
	return claimType
}

func renderJSON(dst []byte, m Meta, b []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(b), "", "  "); err != nil {
		return renderText(dst, m, b)
	}
	out.WriteByte('\n')
	return appendTextLines(dst, out.Bytes())
}
