package stamp

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
)

// Pins reports whether the value of an integrity attribute is true of content: of the hashes with the strongest
// algorithm, one is (Subresource Integrity, 3.3.4). A value without any hash pins nothing.
func Pins(integrity string, content []byte) bool {
	strongest, pinned := 0, false
	for _, word := range strings.Fields(integrity) {
		word, _, _ = strings.Cut(word, "?")
		algorithm, digest, _ := strings.Cut(word, "-")
		strength, sum := hash(algorithm, content)
		if strength == 0 || strength < strongest {
			continue
		}
		if strength > strongest {
			strongest, pinned = strength, false
		}
		digest = strings.NewReplacer("-", "+", "_", "/").Replace(digest)
		pinned = pinned || strings.TrimRight(digest, "=") == base64.RawStdEncoding.EncodeToString(sum)
	}
	return pinned
}

// hash is the digest by an algorithm that browsers know, and its rank among them.
func hash(algorithm string, content []byte) (strength int, sum []byte) {
	switch strings.ToLower(algorithm) {
	case "sha256":
		sum := sha256.Sum256(content)
		return 1, sum[:]
	case "sha384":
		sum := sha512.Sum384(content)
		return 2, sum[:]
	case "sha512":
		sum := sha512.Sum512(content)
		return 3, sum[:]
	}
	return 0, nil
}

// isPin reports whether a value is one hash, which needs no quotes.
func isPin(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case isLetter(c), isDigit(c), c == '-', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return value != ""
}
