package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
)

// Content is the bytes of a file, and their digests as far as a token has asked for them. SHA-256 is computed at once;
// the others are slower and rarely wanted. It is safe for concurrent use.
type Content struct {
	bytes  []byte
	sha256 [sha256.Size]byte

	computing sync.Mutex
	sums      atomic.Pointer[sums] // replaced, never changed: a token is held against it without a lock
}

// sums are the digests of one content, each written as its convention writes it; nil where it is not computed yet.
type sums [digests][]string

// Of takes the bytes, which must not change, and computes their SHA-256.
func Of(content []byte) *Content {
	return &Content{bytes: content, sha256: sha256.Sum256(content)}
}

// SHA256 is the digest that identifies the bytes.
func (c *Content) SHA256() [sha256.Size]byte { return c.sha256 }

// StampLength is the length of our own version word, in hex digits: 64 bits, so that no two versions of a site meet.
const StampLength = 16

// Stamp is our own version word for these bytes: the first digits of their SHA-256.
func (c *Content) Stamp() string { return hex.EncodeToString(c.sha256[:StampLength/2]) }

// sum computes a digest once.
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
