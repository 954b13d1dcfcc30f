package commands

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGatewayTLSFiles: what is wrong with a certificate or a key, and what to do.
func TestGatewayTLSFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, parts ...[]byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, bytes.Join(parts, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// The blocks of a file: a certificate and its key.
	blocks := func() (cert, key []byte) {
		text, err := os.ReadFile(certificate(t))
		if err != nil {
			t.Fatal(err)
		}
		_, rest := pem.Decode(text)
		return text[:len(text)-len(rest)], rest
	}
	cert, key := blocks()
	_, other := blocks()
	certFile, keyFile := file("cert", cert), file("key", []byte("a note\n"), key)
	encrypted := file("encrypted", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	for _, tt := range []struct {
		cert, key, says string
	}{
		{certFile, "", "--tls-cert " + certFile + ": there is no private key in it\nfcgiscope: hint: the file of the key is given with --tls-key\n"},
		{certFile, certFile, "--tls-key " + certFile + ": there is no private key in it\n"},
		{keyFile, "", "--tls-cert " + keyFile + ": there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----\n"},
		{certFile, file("other", other), "--tls-cert " + certFile + ": private key does not match public key\n"},
		{certFile, encrypted, "--tls-key " + encrypted + ": the private key is encrypted\nfcgiscope: hint: to decrypt it: openssl pkey"},
		{certFile, dir, "--tls-key " + dir + ": "},
		{file("large", cert, make([]byte, maxPEM)), "", "this is no file of PEM\n"},
	} {
		args := []string{"gateway", "9000", "--tls-cert", tt.cert}
		if tt.key != "" {
			args = append(args, "--tls-key", tt.key)
		}
		if got := runMain(t, "", args...); got.code != 1 || !strings.Contains(got.stderr, tt.says) || got.stdout != "" {
			t.Errorf("%q: exit code %d, %s\nwant %s", args, got.code, got.stderr, tt.says)
		}
	}
	o := gatewayOptions{tlsCert: certFile, tlsKey: keyFile}
	if config, err := o.tlsConfig(); err != nil || len(config.Certificates) != 1 {
		t.Errorf("two files: %v", err)
	}
}
