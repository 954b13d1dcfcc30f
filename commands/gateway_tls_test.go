package commands

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// certificate makes one for 127.0.0.1 with its key, in one file.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
