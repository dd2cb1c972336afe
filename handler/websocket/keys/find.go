package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
)

// Match is the position of a key in a text.
type Match struct {
	Start, End   int
	Route, Label string
	// Encoded is set if the text contains the key in base64. Characters beside the match may then contain bits of the key.
	Encoded bool
}

// Find calls visit for each occurrence of a key in the text, in any of its [Encodings] and with any surrounding text. A key
// that is configured by its digest is found only as a whole token. The cost is linear in the length of the text.
func (r *Ring) Find(text string, visit func(Match)) {
	var w window
	for end := range len(text) {
		w.advance(text, end)
		if end < windowLength-1 || !r.windows.mayContain(w) {
			continue
		}
		r.findAt(text, end-(windowLength-1), w, visit)
	}
	if r.hasDigestOnly {
		r.findTokens(text, &narrowAlphabet, visit)
		r.findTokens(text, &wideAlphabet, visit)
	}
}

// findAt visits the patterns that begin with the window. Keys of the same length often share a prefix, so the text is hashed
// once per length.
func (r *Ring) findAt(text string, start int, w window, visit func(Match)) {
	length, sum := 0, uint64(0)
	for _, p := range r.patterns[w] {
		end := start + p.length
		if end > len(text) {
			continue
		}
		if p.length != length {
			length, sum = p.length, maphash.String(patternSeed, text[start:end])
		}
		if sum == p.sum {
			visit(r.match(p.entry, start, end, p.encoded))
		}
	}
}

func (r *Ring) match(index, start, end int, encoded bool) Match {
	e := &r.entries[index]
	return Match{Start: start, End: end, Route: r.names[e.route], Label: e.key.Label, Encoded: encoded}
}

// pattern is one encoding of a key. The ring stores hashes of it with seeds drawn at start, and no secret.
type pattern struct {
	entry   int    // index in the ring
	length  int    // of the encoding
	window  window // of its first bytes
	sum     uint64 // hash of all
	encoded bool   // not the key itself
}

var patternSeed = maphash.MakeSeed()

func patternsOf(secret string) []pattern {
	var all []pattern
	for i, encoding := range Encodings(secret) {
		all = append(all, pattern{
			length: len(encoding), window: windowAt(encoding), sum: maphash.String(patternSeed, encoding), encoded: i > 0,
		})
	}
	return all
}

// windowLength is the length of the shortest pattern.
const windowLength = MinSecretLength

// window is a rolling hash of the last bytes of a text (Rabin and Karp). Its coefficients are drawn at start, so clients cannot
// construct texts that collide with a key.
type window uint64

var windowBase, windowBytes, windowLeaving = func() (base window, entering, leaving [256]window) {
	var drawn [8 * 257]byte
	_, _ = rand.Read(drawn[:])
	base = window(binary.LittleEndian.Uint64(drawn[8*256:])) | 1
	for c := range entering {
		entering[c] = window(binary.LittleEndian.Uint64(drawn[8*c:]))
		leaving[c] = entering[c]
		for range windowLength {
			leaving[c] *= base
		}
	}
	return base, entering, leaving
}()

// advance moves the window over the byte at end.
func (w *window) advance(text string, end int) {
	*w = *w*windowBase + windowBytes[text[end]]
	if end >= windowLength {
		*w -= windowLeaving[text[end-windowLength]]
	}
}

func windowAt(text string) (w window) {
	for end := range windowLength {
		w.advance(text, end)
	}
	return w
}

// windowSet is a filter: a window that it does not contain begins no pattern.
type windowSet [1 << 10]uint64

func (s *windowSet) add(w window) { s[w>>54] |= 1 << (w >> 48 & 63) }

func (s *windowSet) mayContain(w window) bool { return s[w>>54]>>(w>>48&63)&1 != 0 }

// maxTokenLength is the maximum length of a key that is configured by its digest and found in a text.
const maxTokenLength = 256

// alphabet holds the bytes that tokens consist of.
type alphabet [256]bool

// narrowAlphabet covers hexadecimal digits, UUIDs and base64url. wideAlphabet adds other characters of keys.
var (
	narrowAlphabet = alphabetOf("-_")
	wideAlphabet   = alphabetOf("-_.~+/=")
)

func alphabetOf(marks string) (a alphabet) {
	const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for _, c := range []byte(alphanumeric + marks) {
		a[c] = true
	}
	return a
}

// findTokens hashes the tokens of an alphabet and compares them with the keys that are configured by their digest.
func (r *Ring) findTokens(text string, of *alphabet, visit func(Match)) {
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && of[text[end]] {
			end++
		}
		if length := end - start; length >= MinSecretLength && length <= maxTokenLength {
			digest := newDigestWords(sha256.Sum256([]byte(text[start:end])))
			for i := range r.digests {
				if len(r.entries[i].key.patterns) == 0 && digest.equal(&r.digests[i].digest) == 1 {
					visit(r.match(i, start, end, false))
				}
			}
		}
		start = end + 1
	}
}
