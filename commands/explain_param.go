package commands

import (
	"slices"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// anyField is the topic of the parameters that header fields become.
const anyField = "HTTP_*"

// paramSample is the request of which explain shows what each server makes.
func paramSample(role wire.Role) *cgi.Request {
	return &cgi.Request{
		Role: role, Method: "POST", URL: "https://www.example.org:8443/index.php/%61%20b?id=7", Root: "/srv/www",
		Header: []cgi.Field{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "User-Agent", Value: "curl/8.5.0"},
			{Name: "Authorization", Value: "Basic YWxpY2U6c2VjcmV0"},
		},
		ContentLength: 2, RemoteAddr: "192.0.2.7", RemotePort: "51234", ServerAddr: "198.51.100.1",
		DataLength: 2, DataModified: time.Unix(1767323045, 0),
	}
}

// paramSampleBody is the body of paramSample.
const paramSampleBody = "{}"

// A madeParam is what one server makes of paramSample.
type madeParam struct {
	cgi.Param
	server string
	role   wire.Role
}

// madeParams returns what all servers make of paramSample, and this program;
// what a server tells a RESPONDER it is not asked again.
func madeParams() []madeParam {
	var all []madeParam
	for _, s := range append(cgi.Presets(), cgi.Default()) {
		seen := map[string]bool{}
		for _, role := range s.Roles {
			params, err := s.Params(paramSample(role))
			if err != nil { // the sample is one that all of them take
				continue
			}
			for _, p := range params {
				if !seen[string(p.Name)] {
					seen[string(p.Name)] = true
					all = append(all, madeParam{p, s.Name, role})
				}
			}
		}
	}
	return all
}

func paramTopics() []topic {
	made := madeParams()
	var all []topic
	for _, p := range paramTexts() {
		t := topic{kind: "parameter", name: p.name, brief: p.brief, text: p.text}
		if p.section != "" {
			t.facts = append(t.facts, [2]string{"section", p.section})
		}
		role, value := wire.Responder, p.value
		first := slices.IndexFunc(made, func(m madeParam) bool { return string(m.Name) == p.name })
		if first >= 0 {
			t.facts = append(t.facts, [2]string{"of POST", "https://www.example.org:8443/index.php/%61%20b?id=7 with a body of 2 bytes:"})
			t.facts = append(t.facts, serversOf(p, made)...)
			role, value = made[first].role, string(made[first].Value)
		}
		t.example = paramExample(role, p, value)
		all = append(all, t)
	}
	return all
}

// serversOf tells what each server makes of the parameter; what two of them make
// in the same way is told once.
func serversOf(p paramText, made []madeParam) [][2]string {
	var facts [][2]string
	var without []string
	for _, s := range cgi.Presets() {
		i := slices.IndexFunc(made, func(m madeParam) bool { return m.server == s.Name && string(m.Name) == p.name })
		if i < 0 && s.Name == p.environment {
			facts = append(facts, [2]string{s.Name, "what is in its environment"})
			continue
		}
		if i < 0 {
			without = append(without, s.Name)
			continue
		}
		value := pretty.Quote(made[i].Value, 0)
		if made[i].role != wire.Responder {
			value += " (to an " + made[i].role.String() + ")"
		}
		value += ", " + made[i].Source
		if same := slices.IndexFunc(facts, func(f [2]string) bool { return f[1] == value }); same >= 0 {
			value = "as " + facts[same][0]
		}
		facts = append(facts, [2]string{s.Name, value})
	}
	if len(without) > 0 && len(facts) > 0 {
		facts = append(facts, [2]string{"not sent by", strings.Join(without, ", ")})
	}
	return facts
}

// paramExample is a request with the parameter.
func paramExample(role wire.Role, p paramText, value string) string {
	name := p.name
	if name == anyField {
		name = "HTTP_ACCEPT_LANGUAGE"
	}
	params := []string{"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/index.php", "SCRIPT_FILENAME", "/srv/www/index.php"}
	switch role {
	case wire.Authorizer: // which gets no SCRIPT_NAME
		params = []string{"REQUEST_METHOD", "GET"}
	case wire.Filter:
		params = []string{"REQUEST_METHOD", "GET", "FCGI_DATA_LAST_MOD", "1767323045", "FCGI_DATA_LENGTH", "0"}
	}
	body := ""
	if strings.HasPrefix(name, "CONTENT_") {
		body = paramSampleBody
		params[1] = "POST"
		if name != "CONTENT_LENGTH" {
			params = append(params, "CONTENT_LENGTH", "2")
		}
	}
	if i := slices.Index(params, name); i >= 0 {
		if name != "FCGI_DATA_LENGTH" { // the example has no DATA
			params[i+1] = value
		}
		if name == "REQUEST_METHOD" {
			params[i+1] = "GET" // nor a body
		}
	} else {
		params = append(params, name, value)
	}
	return askWith(role, body, params...)
}
