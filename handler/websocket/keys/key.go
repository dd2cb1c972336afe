package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MinSecretLength is the minimum length of a secret. 16 random characters cannot be guessed at a thousand attempts a second.
const MinSecretLength = 16

// digestPrefix marks a secret that is configured by its digest.
const digestPrefix = "sha256:"

// ID identifies a secret within this process and reveals nothing of it. It is derived with a key that is drawn at start, so it
// is useless in storage.
type ID [16]byte

// String keeps IDs out of logs, where they mean nothing.
func (ID) String() string { return "key" }

// Key is a secret with its label and validity period.
type Key struct {
	// Label is the key's name in logs and metrics.
	Label string
	// From is the start of the validity period. Zero: no start.
	From time.Time
	// Until is the end of the validity period. Zero: no end.
	Until time.Time

	digest   [sha256.Size]byte
	id       ID
	patterns []pattern // none if only the digest is known
}

// NewKey returns a key. The secret is a literal of at least [MinSecretLength] characters, or sha256: and the 64 hex digits of
// its digest. Errors contain the length of the secret, and the label unless it could be the secret.
func NewKey(label, secret string, from, until time.Time) (Key, error) {
	shown := safeLabel(label, secret)
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		return Key{}, fmt.Errorf("key %s: want from before until, got %s and %s",
			shown, from.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	if err := CheckSecret(secret); err != nil {
		return Key{}, fmt.Errorf("key %s: %w", shown, err)
	}
	digest, err := digestOf(shown, secret)
	if err != nil {
		return Key{}, err
	}
	key := Key{Label: label, From: from, Until: until, digest: digest, id: newID(digest)}
	if !IsDigest(secret) {
		key.patterns = patternsOf(secret)
	}
	return key, nil
}

// hiddenLabel replaces labels in errors that could be secrets.
const hiddenLabel = "(not shown)"

// safeLabel returns the label if errors may contain it. If label and secret are swapped, the label is the secret. The label is
// then longer than the secret, or as long as a secret must be.
func safeLabel(label, secret string) string {
	if len(label) < min(MinSecretLength, len(secret)) {
		return label
	}
	return hiddenLabel
}

// IsDigest reports whether a secret is configured by its digest.
func IsDigest(secret string) bool { return strings.HasPrefix(secret, digestPrefix) }

// CheckSecret rejects secrets that are probably mistakes. Errors contain no part of the secret.
func CheckSecret(secret string) error {
	switch {
	case strings.TrimSpace(secret) != secret:
		return errors.New("the secret begins or ends with white space: remove it")
	case len(secret) > 1 && strings.ContainsRune("\"'`", rune(secret[0])) && secret[0] == secret[len(secret)-1]:
		return errors.New("the secret is in quotes: remove them")
	case unresolvedReference.MatchString(secret):
		return errors.New("the secret is an unresolved reference: write the value of the variable or file")
	case exampleSecret.MatchString(secret), repeatsPart(secret):
		return errors.New("the secret is a placeholder: generate one, for example with openssl rand -hex 32")
	}
	return nil
}

// unresolvedReference matches variables and placeholders that no program has replaced: $NAME, ${NAME}, {env.NAME}.
var unresolvedReference = regexp.MustCompile(`^(\$[A-Z_][A-Z0-9_]*|\$?\{[^{}]*\})$`)

// exampleSecret matches placeholders that examples contain in place of a secret.
var exampleSecret = regexp.MustCompile(`(?i)^(<.*>|(.*[^a-z])?(change|replace)[-_ ]?(me|this)([^a-z].*)?|(your|example|insert)[-_].*(key|secret|token).*|(password|secret)[0-9]*|django-insecure-.*|todo([^a-z].*)?)$`)

// repeatsPart reports whether a secret consists of one part of at most 10 characters: xxxxxxxx, secretsecret, 1234567890123456. In
// a random secret, the 6 characters after such a part differ from its first ones.
func repeatsPart(secret string) bool {
	for length := 1; length <= min(10, len(secret)-6); length++ {
		if strings.HasPrefix(secret, secret[length:]) {
			return true
		}
	}
	return false
}

// unsupportedDigest matches digests that would otherwise be read as literal secrets.
var unsupportedDigest = regexp.MustCompile(`^(?i:sha-?[0-9]+):`)

func digestOf(label, secret string) ([sha256.Size]byte, error) {
	encoded, isDigest := strings.CutPrefix(secret, digestPrefix)
	if !isDigest {
		if unsupportedDigest.MatchString(secret) {
			return [sha256.Size]byte{}, fmt.Errorf("key %s: unsupported digest: write the secret, or %s and its digest", label, digestPrefix)
		}
		if len(secret) < MinSecretLength {
			return [sha256.Size]byte{}, fmt.Errorf("key %s: want a secret of at least %d characters, got %d",
				label, MinSecretLength, len(secret))
		}
		return sha256.Sum256([]byte(secret)), nil
	}
	var digest [sha256.Size]byte
	decoded, err := hex.DecodeString(encoded)
	if err != nil || len(decoded) != len(digest) {
		return digest, fmt.Errorf("key %s: want 64 hex digits after %s, got %d characters", label, digestPrefix, len(encoded))
	}
	copy(digest[:], decoded)
	return digest, nil
}

// String returns the label only.
func (k Key) String() string { return "key(" + k.Label + ")" }

// GoString is String, so that %#v does not show the digest.
func (k Key) GoString() string { return k.String() }

// statusAt returns whether the key is valid at that time.
func (k *Key) statusAt(now time.Time) Status {
	if !k.From.IsZero() && now.Before(k.From) || !k.Until.IsZero() && !now.Before(k.Until) {
		return Expired
	}
	return Good
}

// idKey is the key of the MAC that turns digests into IDs. Each process draws its own.
var idKey = func() (drawn [32]byte) {
	_, _ = rand.Read(drawn[:])
	return drawn
}()

func newID(digest [sha256.Size]byte) ID {
	mac := hmac.New(sha256.New, idKey[:])
	mac.Write(digest[:])
	return ID(mac.Sum(nil)[:16])
}
