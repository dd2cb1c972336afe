package deltas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Limits of the files that deltas are made of, in bytes. Below MinSize the header weighs more. MaxSize bounds the work for one
// request to about 100 ms of one core.
const (
	MinSize = 1 << 10
	MaxSize = 4 << 20
)

// Pair is the version that a client holds, and the version that it gets.
type Pair struct{ From, To Digest }

// Delta is a version in the coding "dcz". It is immutable.
type Delta struct {
	Pair
	Bytes []byte
	// ETag and ContentLength are header values.
	ETag, ContentLength []string
}

// Encoding is the content coding of a [Delta], as a header value.
var Encoding = []string{"dcz"}

// coding names the representation in entity tags and in the archive.
func (p Pair) coding() string { return Encoding[0] + "." + hex.EncodeToString(p.From[:8]) }

// TagPrefix begins the entity tags of all deltas of a version, and of no other representation.
func TagPrefix(to Digest) string {
	tag := variants.Tag(to, Encoding[0]+".")
	return tag[:len(tag)-1]
}

func newDelta(pair Pair, encoded []byte) *Delta {
	return &Delta{
		Pair: pair, Bytes: encoded,
		ETag: []string{variants.Tag(pair.To, pair.coding())}, ContentLength: []string{strconv.Itoa(len(encoded))},
	}
}

// Pays reports a delta that is worth sending instead of the best full coding, which has size bytes.
func (d *Delta) Pays(size int64) bool { return int64(len(d.Bytes)) <= size*8/10 }

// magic begins a "dcz" body: a skippable frame whose 32 bytes are the digest of the dictionary (RFC 9842, 5).
var magic = []byte{0x5e, 0x2a, 0x4d, 0x18, sha256.Size, 0, 0, 0}

// window returns how far back a frame may refer, in bytes: a power of two that reaches over the dictionary and the content.
// Every client supports 8 MiB (RFC 9842, 5), which is enough for two contents of MaxSize. The encoder clears twice the window
// first.
func window(from, to []byte) int {
	return max(zstd.MinWindowSize, 1<<bits.Len(uint(len(from)+len(to)-1)))
}

// maxDefault is the largest dictionary for zstd.SpeedDefault, in bytes. Its table has 131,072 positions: of one of 3 MB, it
// finds next to nothing.
const maxDefault = 512 << 10

// encode returns the body.
func encode(pair Pair, from, to []byte, level zstd.EncoderLevel) ([]byte, error) {
	if level == zstd.SpeedDefault && len(from) > maxDefault {
		level = zstd.SpeedBetterCompression
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(0, from), zstd.WithEncoderLevel(level),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window(from, to)))
	if err != nil {
		return nil, fmt.Errorf("making a delta: %w", err)
	}
	defer encoder.Close()
	body := append(append(make([]byte, 0, len(magic)+sha256.Size+len(to)/8), magic...), pair.From[:]...)
	return encoder.EncodeAll(to, body), nil
}
