package redact

import "testing"

func TestText(t *testing.T) {
	t.Parallel()
	r := New("pin")
	for _, tt := range []struct{ text, want string }{
		{"/a?x=1&token=abc&y=2", "/a?x=1&token=***&y=2"},
		{"user=alice&password=p%20q", "user=alice&password=*****"},
		{`{"user":"alice","password":"pq"}`, `{"user":"alice","password":"**"}`},
		{"PIN=1234", "PIN=****"},
		{"nothing=here", "nothing=here"},
		{"", ""},
	} {
		if got := r.Text(tt.text); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}
