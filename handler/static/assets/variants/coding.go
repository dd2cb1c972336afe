package variants

import "strings"

// Coding is a content coding (RFC 9110, 8.4.1) that this package can produce.
type Coding uint8

// The codings. Identity is the bytes as they are.
const (
	Identity Coding = iota
	Brotli
	Zstd
	Gzip
	codings // how many there are
)

// codingNames are the registered names.
var (
	codingNames    = [codings]string{"identity", "br", "zstd", "gzip"}
	codingPriority = [...]Coding{Brotli, Zstd, Gzip, Identity}
	headers        = [codings][]string{{"identity"}, {"br"}, {"zstd"}, {"gzip"}}
)

// String returns the coding's name in Content-Encoding.
func (c Coding) String() string { return codingNames[c] }

// ParseCoding returns the coding of a registered name, or of its historical alias (RFC 9110, 8.4.1.3). Case does not
// matter.
func ParseCoding(name string) (Coding, bool) {
	for c, known := range codingNames {
		if strings.EqualFold(name, known) {
			return Coding(c), true
		}
	}
	if strings.EqualFold(name, "x-gzip") {
		return Gzip, true
	}
	return Identity, false
}

// Header returns the value of Content-Encoding.
func (c Coding) Header() []string { return headers[c] }
