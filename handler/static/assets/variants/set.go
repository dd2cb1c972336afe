package variants

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// Set holds the variants of one content. All files with that content share it, over generations too. It is safe for
// concurrent use.
type Set struct {
	digest [sha256.Size]byte
	size   int64
	state  atomic.Pointer[state]
}

// state is immutable.
type state struct {
	made  [codings]*Variant
	tried [codings]bool // true also if the coding does not pay
}

// NewSet returns the empty set of a content.
func NewSet(digest [sha256.Size]byte, size int64) *Set { return &Set{digest: digest, size: size} }

// Variant is a content in another coding.
type Variant struct {
	// Size is the number of bytes.
	Size int64
	// Bytes is nil if the variant is on disk alone.
	Bytes []byte
	// Encoding, ETag and ContentLength are header values.
	Encoding, ETag, ContentLength []string

	settings string  // how it was made
	stored   *stored // nil if it is in memory alone
}

// Get returns the variant in a coding, or nil.
func (s *Set) Get(coding Coding) *Variant {
	made, _ := s.tried(coding)
	return made
}

// Best returns the size of the content in the coding that makes it smallest, among those that are made.
func (s *Set) Best() int64 {
	best := s.size
	if now := s.state.Load(); now != nil {
		for _, v := range now.made {
			if v != nil {
				best = min(best, v.Size)
			}
		}
	}
	return best
}

// Forget removes a variant that cannot be read. The maker makes it again.
func (s *Set) Forget(unreadable *Variant) {
	s.change(func(next *state) {
		for coding, v := range next.made {
			if v == unreadable {
				next.made[coding], next.tried[coding] = nil, false
			}
		}
	})
}

// tried reports whether it is known what a coding makes of the content. The variant is nil if the coding does not pay.
func (s *Set) tried(coding Coding) (*Variant, bool) {
	if s == nil {
		return nil, false
	}
	now := s.state.Load()
	if now == nil {
		return nil, false
	}
	return now.made[coding], now.tried[coding]
}

func (s *Set) put(coding Coding, v *Variant) {
	s.change(func(next *state) { next.made[coding], next.tried[coding] = v, true })
}

func (s *Set) change(change func(next *state)) {
	for {
		before := s.state.Load()
		var next state
		if before != nil {
			next = *before
		}
		change(&next)
		if s.state.CompareAndSwap(before, &next) {
			return
		}
	}
}

// held is the number of bytes in memory.
func (s *Set) held() (total int64) {
	now := s.state.Load()
	if now == nil {
		return 0
	}
	for _, v := range now.made {
		if v != nil {
			total += int64(len(v.Bytes))
		}
	}
	return total
}

// pays reports a size that is worth sending instead of the content.
func (s *Set) pays(size int64) bool { return size <= s.size*9/10 }

// variant returns the content in another coding, without its bytes.
func (s *Set) variant(coding Coding, size int64) *Variant {
	return &Variant{
		Size:          size,
		Encoding:      coding.Header(),
		ETag:          []string{Tag(s.digest, coding.String())},
		ContentLength: []string{strconv.FormatInt(size, 10)},
	}
}

// Tag is the entity tag of a content in a coding; the coding is "" for the content itself. Other bytes need another tag
// (RFC 9110, 8.8.3.3). It does not end in -gzip, since Caddy's encode removes that from the tags of requests. It stays the
// same when an encoder changes. Ranges are served of the unencoded content alone, so no client joins the output of two encoders.
func Tag(digest [sha256.Size]byte, coding string) string {
	tag := `"` + hex.EncodeToString(digest[:16])
	if coding != "" {
		tag += "." + coding
	}
	return tag + `"`
}
