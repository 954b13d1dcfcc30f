package pretty

import (
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestWhere: one expression a field at least, about a request and its record.
func TestWhere(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	s := subject{
		conn: 3,
		record: &flow.Event{Dir: wire.ToServer, At: at, Offset: 40, Index: 2, Data: []byte("PHP message: no\xff"),
			Header: wire.Header{Version: 1, Type: wire.TypeStderr, RequestID: 7, ContentLength: 16, PaddingLength: 1, Reserved: 9}},
		request: &flow.Request{ID: 7, Occurrence: 1, Role: wire.Responder, Flags: wire.KeepConn, Method: []byte("POST"), URI: []byte("/a?b=c"),
			Script: []byte("/srv/a.php"), Params: 12, Stdin: 5, Data: 6, Stdout: 1 << 33, Stderr: 8, Status: 503, AppStatus: 1 << 31,
			ProtocolStatus: wire.RequestComplete, Complete: true, Findings: 2,
			BeganAt: at, FirstByteAt: at.Add(250 * time.Millisecond), EndedAt: at.Add(1500 * time.Millisecond)},
		params: map[string]string{"REQUEST_METHOD": "POST", "HTTP_X-Y": "z"},
		rules:  []string{"early-answer"},
	}
	tests := []struct {
		expr    string
		want    bool
		stage   stage
		records bool
	}{
		{`status >= 500 && param.REQUEST_METHOD == "POST"`, true, ended, false},
		{`param.REQUEST_METHOD == "POST"`, true, asked, false},
		{`param["HTTP_X-Y"] == "z" and param.NONE == ""`, true, asked, false},
		{`"REQUEST_METHOD" in param && !("NONE" in param)`, true, asked, false},
		{`all(keys(param), len(#) > 10)`, false, asked, false},
		{`any(keys(param), param[#] == "z")`, true, asked, false},
		{`stderr_bytes > 0 && stdin_bytes == 5 && data_bytes == 6 && stdout_bytes == 8589934592`, true, ended, false},
		{`took > duration("1s") && took < 1.6 && waited == 0.25 && waited < duration("300ms")`, true, ended, false},
		{`began_at > date("2000-01-01") && ended_at > began_at`, true, ended, false},
		{`conn == 3 && request_id == 7 && occurrence == 1`, true, begun, false},
		{`role == "RESPONDER" && keep_conn`, true, begun, false},
		{`method == "POST" && uri startsWith "/a" && uri matches "b=[c]$" && script endsWith ".php" && params == 12`, true, asked, false},
		{`app_status == 2147483648 && protocol_status == "REQUEST_COMPLETE" && complete && !aborted`, true, ended, false},
		{`failed && findings > 1 && "early-answer" in rules`, true, ended, false},
		{`true`, true, always, false},
		{`type_name == "STDERR"`, true, always, true},
		{`type == 7 && version == 1 && content_length == 16 && padding_length == 1 && reserved == 9`, true, always, true},
		{`dir == "to-server" && offset == 40 && index == 2 && at > date("2000-01-01")`, true, always, true},
		{`content contains "PHP message" && len(content) == 16`, true, always, true},
		{`type_name == "STDOUT" || status == 503`, true, ended, true},
		{`let x = status; x == 503`, true, ended, false},
	}
	used := map[string]bool{}
	for _, tt := range tests {
		c, err := ParseWhere(tt.expr)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		got, err := c.holds(&s)
		if got != tt.want || err != nil || c.stage != tt.stage || c.records != tt.records {
			t.Errorf("%s: got %v, %v, stage %d, about records %v", tt.expr, got, err, c.stage, c.records)
		}
		for _, f := range c.fields {
			used[f.name] = true
		}
	}
	for _, f := range WhereFields() {
		if !used[f.Name] {
			t.Errorf("no expression has the field %s", f.Name)
		}
	}
}

func TestWhereParams(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expr, name string
		want       bool
	}{
		{`param.A == "" && param["B"] == ""`, "A", true},
		{`param.A == "" && param["B"] == ""`, "B", true},
		{`param.A == ""`, "B", false},
		{`param.A == "" && len(param) > 1`, "B", true},
		{`param[param.A] == "x"`, "B", true},
		{`status == 1`, "A", false},
	}
	for _, tt := range tests {
		c, err := ParseWhere(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.wants([]byte(tt.name)); got != tt.want {
			t.Errorf("%s: wants %s: %v", tt.expr, tt.name, got)
		}
	}
}

func TestWhereErrors(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`stauts == 1`:              `pretty: column 1: unknown field "stauts": did you mean "status"?`,
		"true &&\n  stauts == 1":   `pretty: line 2, column 3: unknown field "stauts": did you mean "status"?`,
		`status = 500`:             `pretty: column 8: = compares nothing: write ==`,
		`status`:                   `pretty: expected bool, but got int`,
		`status >`:                 `pretty: column 8: unexpected token EOF`,
		``:                         `pretty: column 1: unexpected token EOF`,
		`type == "STDERR"`:         `pretty: column 6: invalid operation: == (mismatched types int and string)`,
		`uri matches "("`:          "pretty: column 5: error parsing regexp: missing closing ): `(`",
		`took > duration(1)`:       `pretty: column 17: cannot use int as argument (type string) to call duration `,
		`param.REQUEST_METHOD > 1`: `pretty: column 22: invalid operation: > (mismatched types string and int)`,
	} {
		if _, err := ParseWhere(expr); errorText(err) != want {
			t.Errorf("%q: got %v, want %s", expr, err, want)
		}
	}
	c, err := ParseWhere(`int(param.CONTENT_LENGTH) > 3`)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{"4": true, "2": false, "x": false} {
		met, err := c.holds(&subject{request: &flow.Request{}, params: map[string]string{"CONTENT_LENGTH": value}})
		if met != want || (err != nil) != (value == "x") {
			t.Errorf("%q: %v, %v", value, met, err)
		}
	}
}
