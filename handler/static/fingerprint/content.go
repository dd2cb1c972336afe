package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
)

// Content is the content of a file, with its digests. SHA-256 is computed at once. Each other digest is computed when a token needs
// it, since these digests are slower and rarely needed. Content is safe for concurrent use.
type Content struct {
	bytes  []byte
	sha256 [sha256.Size]byte

	computing sync.Mutex
	sums      atomic.Pointer[sums] // replaced as a whole, so that readers need no lock
}

// sums are the digests of one content, as text in the alphabet of each convention. A digest is nil until it is computed.
type sums [digestCount][]string

// Of computes the SHA-256 of content. The content must not change afterwards.
func Of(content []byte) *Content {
	return &Content{bytes: content, sha256: sha256.Sum256(content)}
}

// SHA256 returns the SHA-256 of the content.
func (c *Content) SHA256() [sha256.Size]byte { return c.sha256 }

// StampLength is the length of the versions that usher writes, in hex digits. With 64 bits, two versions of a site never collide.
const StampLength = 16

// Stamp returns the version that usher writes for the content: the first digits of its SHA-256.
func (c *Content) Stamp() string { return hex.EncodeToString(c.sha256[:StampLength/2]) }

// Forget drops all digests but SHA-256 from memory. A token that needs one computes it again.
func (c *Content) Forget() { c.sums.Store(nil) }

// sum returns a digest, and computes it on the first call.
func (c *Content) sum(d digest) []string {
	if known := c.sums.Load(); known != nil && known[d] != nil {
		return known[d]
	}
	c.computing.Lock()
	defer c.computing.Unlock()
	var next sums
	if known := c.sums.Load(); known != nil {
		next = *known
	}
	if next[d] == nil {
		next[d] = compute[d](c)
		c.sums.Store(&next)
	}
	return next[d]
}
