package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// MinTicketSecretLength is the minimum length in bytes of a secret that signs tickets (RFC 7518, 3.2). It exceeds
// [MinSecretLength] because anyone with one ticket can try secrets offline.
const MinTicketSecretLength = 32

const pemBegin = "-----BEGIN "

// signer is one secret or public key with its only algorithm.
type signer struct {
	method  jwt.SigningMethod
	key     any    // verification key
	binding []byte // HMAC key of the bound claim
	id      ID
	use     [sha256.Size]byte // equal in all processes with this secret or public key
}

// newTicketKeyID returns an ID that differs from the ID of a key with the same secret, since the key may be removed while the
// ticket secret stays.
func newTicketKeyID(key []byte) ID {
	digest := sha256.Sum256(key)
	return newID(sha256.Sum256(append([]byte("ticket "), digest[:]...)))
}

// newSigner returns the signer of a secret or of the bytes of a public key.
func newSigner(method jwt.SigningMethod, key any, bytes []byte) signer {
	digest := sha256.Sum256(bytes)
	return signer{method, key, bytes, newTicketKeyID(bytes), sha256.Sum256(append([]byte("use "), digest[:]...))}
}

func secretSigners(secrets []string) ([]signer, error) {
	signers := make([]signer, 0, len(secrets))
	for i, secret := range secrets {
		if err := checkTicketSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		key := []byte(secret)
		signers = append(signers, newSigner(jwt.SigningMethodHS256, key, key))
	}
	return signers, nil
}

func checkTicketSecret(secret string) error {
	switch {
	case strings.HasPrefix(secret, digestPrefix):
		return fmt.Errorf("secret begins with %s: a digest cannot sign, write the secret", digestPrefix)
	case strings.Contains(secret, pemBegin):
		return errors.New("secret is a PEM block: use public_key for public keys")
	case CheckSecret(secret) != nil:
		return CheckSecret(secret)
	case len(secret) < MinTicketSecretLength:
		return fmt.Errorf("want at least %d bytes, got %d", MinTicketSecretLength, len(secret))
	}
	return nil
}

func publicSigners(blocks []byte) ([]signer, error) {
	begun := bytes.Count(blocks, []byte(pemBegin))
	var signers []signer
	for block, rest := pem.Decode(blocks); block != nil; block, rest = pem.Decode(rest) {
		made, err := publicSigner(block)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", len(signers)+1, err)
		}
		signers = append(signers, made)
	}
	if len(signers) == 0 || len(signers) != begun { // pem.Decode skips invalid blocks
		return nil, fmt.Errorf("public key: want complete PEM blocks, got %d of %d", len(signers), begun)
	}
	return signers, nil
}

func publicSigner(block *pem.Block) (signer, error) {
	if block.Type != "PUBLIC KEY" {
		return signer{}, errors.New("wrong PEM type: write a block of type PUBLIC KEY")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return signer{}, fmt.Errorf("invalid: %w", err)
	}
	made := newSigner(nil, public, block.Bytes)
	switch key := public.(type) {
	case ed25519.PublicKey:
		made.method = jwt.SigningMethodEdDSA
		return made, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			made.method = jwt.SigningMethodES256
			return made, nil
		}
	}
	return signer{}, errors.New("unsupported kind of key: use Ed25519 or P-256")
}
