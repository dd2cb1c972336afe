package fingerprint

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/cespare/xxhash/v2"
	//lint:ignore SA1019 webpack's default hash: here it tells builds apart, and protects nothing
	"golang.org/x/crypto/md4"
)

// Content is the bytes of a file, and their digests as far as a token has asked for them. SHA-256 is computed at once;
// the others are slower and rarely wanted. It is safe for concurrent use.
type Content struct {
	bytes  []byte
	sha256 [sha256.Size]byte

	once  sync.Once
	forms []form
}

// form is what a convention makes of the content.
type form struct {
	convention string
	token      string // the longest that the convention has; a version may be a prefix of it
}

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

// all computes every convention's form once.
func (c *Content) all() []form {
	c.once.Do(func() {
		md5Sum, sha1Sum := md5.Sum(c.bytes), sha1.Sum(c.bytes)
		md4Sum := md4.New()
		_, _ = md4Sum.Write(c.bytes)
		xxh := binary.BigEndian.AppendUint64(nil, xxhash.Sum64(c.bytes))
		rails := sha1.New()
		_, _ = rails.Write(c.bytes)
		_, _ = rails.Write([]byte(railsVersion))
		c.forms = []form{
			{"sha256", hex.EncodeToString(c.sha256[:])},
			{"md5", hex.EncodeToString(md5Sum[:])},
			{"md4", hex.EncodeToString(md4Sum.Sum(nil))},
			{"sha1", hex.EncodeToString(sha1Sum[:])},
			{"sha1", hex.EncodeToString(rails.Sum(nil))},
			{"xxhash64", hex.EncodeToString(xxh)},
			{"xxhash64-base32", base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(xxh)},
		}
	})
	return c.forms
}

// railsVersion is what Propshaft appends to the bytes unless config.assets.version says otherwise.
const railsVersion = "1"
