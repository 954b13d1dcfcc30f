package fpm

import (
	"bytes"
	"encoding/json"
)

// texts are the strings of a worker's entry that hold what a client sent, in
// the order of php-fpm, each with what follows it.
var texts = []struct{ before, after []byte }{
	{[]byte(`"request method":"`), []byte(`","request uri":"`)},
	{[]byte(`"request uri":"`), []byte(`","content length":`)},
	{[]byte(`"user":"`), []byte(`","script":"`)},
	{[]byte(`"script":"`), []byte(`","last request cpu":`)},
}

// repair escapes the strings that php-fpm has printed as they are. The end of
// one is known by the key that follows it, not by its quote.
func repair(page []byte) []byte {
	fixed := make([]byte, 0, len(page)+len(page)/8)
	next := 0
	for {
		t := texts[next%len(texts)]
		start := bytes.Index(page, t.before)
		if start < 0 {
			return append(fixed, page...)
		}
		start += len(t.before)
		size := bytes.Index(page[start:], t.after)
		if size < 0 {
			return append(fixed, page...)
		}
		fixed = append(fixed, page[:start-1]...)
		fixed = append(fixed, escaped(page[start:start+size])...)
		page = page[start+size+1:]
		next++
	}
}

// escaped returns text as a JSON string. One that is valid stays as it is.
func escaped(text []byte) []byte {
	quoted := append(append([]byte{'"'}, text...), '"')
	if json.Valid(quoted) {
		return quoted
	}
	quoted, _ = json.Marshal(string(text)) // cannot fail
	return quoted
}
