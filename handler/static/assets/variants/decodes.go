package variants

import "crypto/sha256"

// DecodesTo reports whether encoded bytes decode to a content, and to nothing more.
func DecodesTo(coding Coding, encoded, content []byte) bool {
	return NewSet(sha256.Sum256(content), int64(len(content))).check(coding, encoded) == nil
}
