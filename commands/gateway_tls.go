package commands

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
)

// maxPEM is how large a file with certificates or a key may be, in bytes.
const maxPEM = 1 << 20

// tlsConfig reads --tls-cert and --tls-key; without them it is nil.
func (o *gatewayOptions) tlsConfig() (*tls.Config, error) {
	if o.tlsCert == "" {
		return nil, nil
	}
	cert, err := readPEM("--tls-cert", o.tlsCert)
	if err != nil {
		return nil, err
	}
	if cert.find("CERTIFICATE") == nil {
		return nil, fmt.Errorf("%s: there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----", cert.name)
	}
	key := cert
	if o.tlsKey != "" {
		if key, err = readPEM("--tls-key", o.tlsKey); err != nil {
			return nil, err
		}
	}
	switch block := key.find("PRIVATE KEY"); {
	case block == nil && o.tlsKey == "":
		return nil, withHint(fmt.Errorf("%s: there is no private key in it", key.name), "the file of the key is given with --tls-key")
	case block == nil:
		return nil, fmt.Errorf("%s: there is no private key in it", key.name)
	case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return nil, withHint(fmt.Errorf("%s: the private key is encrypted", key.name), "to decrypt it: openssl pkey -in FILE -out OTHER")
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", cert.name, strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// A pemFile is a file and what it is called in messages.
type pemFile struct {
	name string
	text []byte
}

func readPEM(flag, file string) (pemFile, error) {
	p := pemFile{name: flag + " " + file}
	f, err := openInput(file)
	if err != nil {
		return p, fmt.Errorf("%s %w", flag, err)
	}
	defer f.Close()
	p.text, err = io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return p, fmt.Errorf("%s: %w", p.name, systemError(err))
	case len(p.text) > maxPEM:
		return p, fmt.Errorf("%s: more than %d bytes: this is no file of PEM", p.name, maxPEM)
	}
	return p, nil
}

// find returns the first block whose type ends so, nil if there is none.
func (p pemFile) find(end string) *pem.Block {
	for block, rest := pem.Decode(bytes.Clone(p.text)); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, end) {
			return block
		}
	}
	return nil
}
