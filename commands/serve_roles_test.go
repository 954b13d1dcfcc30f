package commands

import (
	"errors"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/server"
)

// TestTransforms: each does what it is called.
func TestTransforms(t *testing.T) {
	t.Parallel()
	want := map[string]string{"upper": "A-ZÄ ABC", "lower": "a-zÄ abc", "rot13": "n-MÄ NoP", "none": "a-ZÄ AbC"}
	for _, transform := range transforms {
		got := []byte("a-ZÄ AbC")
		for i, c := range got {
			got[i] = transform.change(c)
		}
		if string(got) != want[transform.word] {
			t.Errorf("%s: %q, want %q", transform.word, got, want[transform.word])
		}
	}
}

// TestAuthVariables: what makes no header field is wrong usage, and is not told.
func TestAuthVariables(t *testing.T) {
	t.Parallel()
	if got, err := authVariables([]string{"A_b-1=x=y ä", "B="}); err != nil || len(got) != 2 || string(got[0].Value) != "x=y ä" || len(got[1].Value) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"secret", "A B=secret", "=secret", "A=secret\r\nX: y", "A=secret\x00", "A=secret\xff"} {
		_, err := authVariables([]string{bad})
		if usage := (usageError{}); !errors.As(err, &usage) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPasswords: two for one name is wrong usage; a password may hold a colon.
func TestPasswords(t *testing.T) {
	t.Parallel()
	known, err := passwords([]string{"alice:a:b", "bob:"})
	if login := server.Passwords(known); err != nil || !login("alice", "a:b") || !login("bob", "") || login("alice", "a") || login("carol", "") {
		t.Errorf("%q, %v", known, err)
	}
	for _, bad := range [][]string{{"secret"}, {":secret"}, {"alice:secret", "alice:secrets"}} {
		_, err := passwords(bad)
		if usage := (usageError{}); !errors.As(err, &usage) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
