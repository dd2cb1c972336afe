package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MinSecretLength is the least number of characters of a secret: 16 random ones cannot be guessed at a door that
// answers a thousand times a second.
const MinSecretLength = 16

// digestPrefix marks a secret that is configured by its digest alone.
const digestPrefix = "sha256:"

// ID tells one secret from every other of this process, and tells nothing of the secret: it is derived with a key that
// is drawn at start. It is comparable, and not worth storing.
type ID [16]byte

// String keeps IDs out of logs: they mean nothing there.
func (ID) String() string { return "key" }

// Key is one secret, what it is called, and when it is good.
type Key struct {
	// Label is the key's name in logs and metrics.
	Label string
	// From is when it begins to be good; zero: always was.
	From time.Time
	// Until is when it ends; zero: never.
	Until time.Time

	digest   [sha256.Size]byte
	id       ID
	patterns []pattern // none where the digest alone is known
}

// NewKey makes a key of a secret: a literal of at least [MinSecretLength] characters, or sha256: and the 64 hex digits
// of its digest. Errors tell of the label and the length, never of the secret.
func NewKey(label, secret string, from, until time.Time) (Key, error) {
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		return Key{}, fmt.Errorf("key %s: want from before until, got %s and %s",
			label, from.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	if err := checkSecret(label, secret); err != nil {
		return Key{}, err
	}
	digest, err := digestOf(label, secret)
	if err != nil {
		return Key{}, err
	}
	key := Key{Label: label, From: from, Until: until, digest: digest, id: newID(digest)}
	if !IsDigest(secret) {
		key.patterns = patternsOf(secret)
	}
	return key, nil
}

// IsDigest reports whether a secret is configured by its digest alone.
func IsDigest(secret string) bool { return strings.HasPrefix(secret, digestPrefix) }

// checkSecret rejects what is a mistake rather than a secret.
func checkSecret(label, secret string) error {
	switch {
	case strings.TrimSpace(secret) != secret:
		return fmt.Errorf("key %s: the secret begins or ends with white space: remove it", label)
	case exampleSecret.MatchString(secret):
		return fmt.Errorf("key %s: the secret is that of an example: generate one, for example with openssl rand -hex 32", label)
	}
	return nil
}

// exampleSecret is what examples write in place of a secret.
var exampleSecret = regexp.MustCompile(`(?i)^(<.*>|(.*[^a-z])?(change|replace)[-_ ]?(me|this)([^a-z].*)?|(your|example|insert)[-_].*(key|secret|token).*|x{16,}|\*{16,})$`)

// unsupportedDigest is what would be taken for the secret itself, to the surprise of who wrote it.
var unsupportedDigest = regexp.MustCompile(`^(?i:sha-?[0-9]+):`)

func digestOf(label, secret string) ([sha256.Size]byte, error) {
	encoded, isDigest := strings.CutPrefix(secret, digestPrefix)
	if !isDigest {
		if unsupportedDigest.MatchString(secret) {
			return [sha256.Size]byte{}, fmt.Errorf("key %s: want a secret, or %s and the digest, got another digest", label, digestPrefix)
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

// String shows the label alone.
func (k Key) String() string { return "key(" + k.Label + ")" }

// GoString is String: %#v must not show the digest either.
func (k Key) GoString() string { return k.String() }

// statusAt tells whether the key is good at a time.
func (k *Key) statusAt(now time.Time) Status {
	if !k.From.IsZero() && now.Before(k.From) || !k.Until.IsZero() && !now.Before(k.Until) {
		return Expired
	}
	return Good
}

// idKey is the key with which digests become IDs: one a process, so that an ID is of no use outside it.
var idKey = func() (drawn [32]byte) {
	_, _ = rand.Read(drawn[:])
	return drawn
}()

func newID(digest [sha256.Size]byte) ID {
	mac := hmac.New(sha256.New, idKey[:])
	mac.Write(digest[:])
	return ID(mac.Sum(nil)[:16])
}
