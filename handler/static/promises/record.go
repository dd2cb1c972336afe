package promises

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
)

// record is a promise, by hashes of its parts.
type record struct {
	path, version uint64
	digest        uint64 // the first 8 bytes
	at            uint32 // when it was given last, in seconds since 1970
	shared        bool   // other machines know it
}

func recordOf(p Promise, at time.Time) record {
	r := record{path: xxhash.Sum64String(p.Path), digest: binary.BigEndian.Uint64(p.Digest[:]), at: uint32(max(at.Unix(), 0))}
	if p.Version != "" {
		r.version = xxhash.Sum64String(p.Version)
	}
	return r
}

// compare orders records by URL and content.
func (r record) compare(other record) int {
	return cmp.Or(cmp.Compare(r.path, other.path), cmp.Compare(r.version, other.version), cmp.Compare(r.digest, other.digest))
}

// The digits of a SHA-256 that name content, and those that a record holds.
const (
	minDigits  = 8
	heldDigits = 16
)

// isNamedBy reports a version that is the beginning of the SHA-256 of the content, in hex.
func (r record) isNamedBy(version string) bool {
	if len(version) < minDigits || len(version) > 64 {
		return false
	}
	var digest [8]byte
	var digits [heldDigits]byte
	binary.BigEndian.PutUint64(digest[:], r.digest)
	hex.Encode(digits[:], digest[:])
	held := min(len(version), heldDigits)
	return version[:held] == string(digits[:held])
}

// lineLength is the length of a record in the file: all have the same.
const lineLength = 60

func (r record) append(lines []byte) []byte {
	return fmt.Appendf(lines, "%016x %016x %016x %08x\n", r.path, r.version, r.digest, r.at)
}

// parseLine reads a line without its end.
func parseLine(line []byte) (r record, ok bool) {
	fields := bytes.Split(line, []byte(" "))
	if len(line) != lineLength-1 || len(fields) != 4 {
		return record{}, false
	}
	for i, field := range []*uint64{&r.path, &r.version, &r.digest} {
		value, err := strconv.ParseUint(string(fields[i]), 16, 64)
		if err != nil {
			return record{}, false
		}
		*field = value
	}
	at, err := strconv.ParseUint(string(fields[3]), 16, 32)
	r.at = uint32(at)
	return r, err == nil
}
