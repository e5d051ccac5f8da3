package source

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// ReadCertificate reads a client certificate with its RSA key: PEM without a password, or PFX with or
// without one. PFX files are read with a library of their own, because azidentity's reader refuses the
// SHA-256 checksums that OpenSSL 3 and newer Windows versions write.
//
// Its errors name the file and never the password.
func ReadCertificate(file, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("client certificate: %w", err)
	}
	if plaintext.Marked(data) { // PEM that a Windows editor saved; PFX is binary and has no mark
		if data, err = plaintext.Decode(data); err != nil {
			return nil, nil, fmt.Errorf("client certificate %s: %w", file, err)
		}
	}
	certificates, key, err := parseCertificate(data, password)
	if err != nil {
		return nil, nil, fmt.Errorf("client certificate %s: %w", file, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("client certificate %s: Entra ID takes RSA keys only, this one is a %T", file, key)
	}
	for _, c := range certificates {
		if private.PublicKey.Equal(c.PublicKey) {
			return certificates, key, nil
		}
	}
	return nil, nil, fmt.Errorf("client certificate %s: the key belongs to none of its certificates", file)
}

func parseCertificate(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if block, _ := pem.Decode(data); block == nil {
		key, certificate, chain, err := pkcs12.DecodeChain(data, password)
		switch {
		case errors.Is(err, pkcs12.ErrIncorrectPassword):
			return nil, nil, errors.New("the password is wrong")
		case err != nil:
			return nil, nil, fmt.Errorf("neither PEM nor a readable PFX: %w", err)
		}
		return append([]*x509.Certificate{certificate}, chain...), key, nil
	}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, nil, errors.New("its key is encrypted, which is supported in PFX only: openssl pkcs12 -export makes one of it")
		}
	}
	// A password that a plain PEM file does not need would make azidentity take the file for a PFX.
	return azidentity.ParseCertificates(data, nil)
}
