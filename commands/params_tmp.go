package commands

import (
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

func (o *paramOptions) build(t target, in *input) (client.Request, error) {
	u := o.url
	if u == "" {
		u = "/"
	}
	p, q, _ := strings.Cut(u, "?")
	m := o.method
	if m == "" {
		m = "GET"
		if in.stdin.r != nil {
			m = "POST"
		}
	}
	root, _ := absolute(o.root)
	file, _ := absolute(o.script)
	if file == "" {
		file = root + p
	}
	ps := []wire.Pair{wire.NewPair("REQUEST_METHOD", m), wire.NewPair("SCRIPT_FILENAME", file), wire.NewPair("SCRIPT_NAME", p), wire.NewPair("QUERY_STRING", q), wire.NewPair("REQUEST_URI", u)}
	if in.stdin.r != nil {
		ps = append(ps, wire.NewPair("CONTENT_LENGTH", strconv.FormatInt(in.stdin.size, 10)), wire.NewPair("CONTENT_TYPE", "application/x-www-form-urlencoded"))
	}
	for _, s := range o.params {
		x, err := parseParam(s)
		if err != nil {
			return client.Request{}, err
		}
		ps = append(ps, x)
	}
	role, err := wire.ParseRole(o.role.word)
	return client.Request{Role: role, Params: ps, Stdin: in.stdin.r, Data: in.data.r}, err
}
