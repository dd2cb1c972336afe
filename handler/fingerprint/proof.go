package fingerprint

import (
	"path"
	"strings"
)

// MinBits is the least agreement between a token and a digest that proves anything.
const MinBits = 32

// Proof is a token that is a digest of the bytes.
type Proof struct {
	// Convention names the digest: sha256 (usher, Vite 4, hashfs), md5 (Django, Laravel Mix), md4 and xxhash64
	// (webpack), sha1 (Propshaft), xxhash64-base32 (esbuild).
	Convention string
	// Token is what stands in the URL.
	Token string
}

// ProveToken holds a version that stands in a query against the bytes.
func (c *Content) ProveToken(token string) (Proof, bool) {
	if !isCandidate(token) {
		return Proof{}, false
	}
	for _, form := range c.all() {
		if strings.HasPrefix(form.token, token) {
			return Proof{form.convention, token}, true
		}
	}
	return Proof{}, false
}

// ProveName looks for a digest of the bytes where build tools put it into a file's name: before the extension, behind
// a dot or a hyphen, or in place of the name.
func (c *Content) ProveName(name string) (Proof, bool) {
	for token := range nameTokens(name) {
		if proof, ok := c.ProveToken(token); ok {
			return proof, true
		}
	}
	return Proof{}, false
}

// Contradicts reports a name in Django's form (name.<12 hex>.ext), which its manifest lists, whose digest is that of
// other bytes: half an upload, or a file that was edited in place.
func (c *Content) Contradicts(name string) bool {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	token := stem[strings.LastIndexByte(stem, '.')+1:]
	if len(token) != 12 || len(token) == len(stem) || !isHex(token) {
		return false
	}
	_, proved := c.ProveToken(token)
	return !proved
}

// nameTokens yields the parts of a name that could be a token: each segment before the extension, and what follows the
// last hyphen of it.
func nameTokens(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		rest := path.Base(name)
		for {
			segment, after, found := strings.Cut(rest, ".")
			if !found {
				return
			}
			rest = after
			if isCandidate(segment) && !yield(segment) {
				return
			}
			if hyphen := strings.LastIndexByte(segment, '-'); hyphen >= 0 {
				if token := segment[hyphen+1:]; isCandidate(token) && !yield(token) {
					return
				}
			}
		}
	}
}

// isCandidate is cheap, and keeps digests from being computed for names that hold none.
func isCandidate(token string) bool {
	return len(token) >= MinBits/4 && len(token) <= 64 && (isHex(token) || isBase32(token))
}

func isHex(token string) bool {
	for i := 0; i < len(token); i++ {
		if c := token[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isBase32(token string) bool {
	for i := 0; i < len(token); i++ {
		if c := token[i]; (c < '2' || c > '7') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
