package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// WriteCertificate writes a certificate for localhost to cert.pem and its key to key.pem. HAProxy needs both in one file, both.pem.
func WriteCertificate(dir string) {
	certificate, private, err := newCertificate()
	if err != nil {
		Fatalf("making a certificate: %v", err)
	}
	for name, content := range map[string][]byte{
		"cert.pem": certificate, "key.pem": private, "both.pem": slices.Concat(certificate, private),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			Fatalf("%v", err)
		}
	}
}

func newCertificate() (certificate, private []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	if certificate, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key); err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return certificate, private, nil
}
