package assets

import (
	"net/http"
	"strings"
)

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
	codingHeaders  = [codings][]string{{"identity"}, {"br"}, {"zstd"}, {"gzip"}}
)

// String returns the coding's name as it stands in Content-Encoding.
func (c Coding) String() string { return codingNames[c] }

// ParseCoding returns the coding of a registered name, or of its historical alias (RFC 9110, 8.4.1.3). The name is
// compared without regard to case.
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

// Acceptance is what a request's Accept-Encoding says: the weight of each coding, 0 to 1000, where 0 is "not acceptable".
type Acceptance [codings]uint16

// unlistedIdentity is the weight of an identity that the client neither listed nor excluded: acceptable, and less
// wanted than anything it did list.
const unlistedIdentity = 1

// onlyIdentity is what a client without the header gets. It accepts every coding in the letter of RFC 9110 (12.5.3),
// yet those that send none are those that cannot decode any.
var onlyIdentity = Acceptance{Identity: unlistedIdentity}

// ParseAcceptEncoding reads the values of Accept-Encoding (RFC 9110, 12.5.3). It never fails: an element that cannot
// be understood is as if it were not there. Of a coding that is listed twice the lower weight counts.
func ParseAcceptEncoding(values []string) Acceptance {
	if len(values) == 0 {
		return onlyIdentity
	}
	var weights Acceptance
	var listed [codings]bool
	var anyWeight uint16
	anyListed := false
	for _, value := range values {
		for value != "" {
			var element string
			element, value, _ = strings.Cut(value, ",")
			name, weight, ok := parseWeighted(element)
			if !ok {
				continue
			}
			if name == "*" {
				if !anyListed || weight < anyWeight {
					anyWeight = weight
				}
				anyListed = true
				continue
			}
			coding, known := ParseCoding(name)
			if known && (!listed[coding] || weight < weights[coding]) {
				weights[coding], listed[coding] = weight, true
			}
		}
	}
	for c := range weights {
		switch {
		case listed[c]:
		case anyListed:
			weights[c] = anyWeight
		case Coding(c) == Identity:
			weights[c] = unlistedIdentity
		}
	}
	return weights
}

// parseWeighted reads one element: a token and an optional weight (RFC 9110, 12.4.2). ok is false where it is neither.
func parseWeighted(element string) (name string, weight uint16, ok bool) {
	name, parameter, weighted := strings.Cut(element, ";")
	name = trimSpace(name)
	if name == "" {
		return "", 0, false
	}
	if !weighted {
		return name, 1000, true
	}
	parameter = trimSpace(parameter)
	if len(parameter) < 3 || parameter[0]|0x20 != 'q' || parameter[1] != '=' {
		return "", 0, false
	}
	weight, ok = parseWeight(parameter[2:])
	return name, weight, ok
}

// parseWeight reads a qvalue into thousandths: 0, 1, or up to three decimals between them.
func parseWeight(s string) (uint16, bool) {
	whole, decimals, _ := strings.Cut(s, ".")
	if len(decimals) > 3 || (whole != "0" && whole != "1") {
		return 0, false
	}
	thousandths, unit := uint16(0), uint16(100)
	for i := range len(decimals) {
		digit := decimals[i]
		if digit < '0' || digit > '9' {
			return 0, false
		}
		thousandths += uint16(digit-'0') * unit
		unit /= 10
	}
	if whole == "1" {
		return 1000, thousandths == 0
	}
	return thousandths, true
}

// trimSpace takes optional whitespace (RFC 9110, 5.6.3) off both ends.
func trimSpace(s string) string { return strings.Trim(s, " \t") }

// Best returns the coding that the client wants most among those available, and false where it accepts none of them.
// Equal weights are decided by size, given in bytes for each coding; a negative size is a coding that is not available.
func (a Acceptance) Best(sizes *[codings]int64) (best Coding, ok bool) {
	for _, c := range codingPriority {
		if sizes[c] < 0 || a[c] == 0 {
			continue
		}
		if !ok || a[c] > a[best] || (a[c] == a[best] && sizes[c] < sizes[best]) {
			best, ok = c, true
		}
	}
	return best, ok
}

// acceptEncoding returns the acceptance of a request's header.
func acceptEncoding(h http.Header) Acceptance { return ParseAcceptEncoding(h["Accept-Encoding"]) }

// acceptsIdentity reports an Accept-Encoding that excludes nothing, at a glance: it has no weights. Nearly none has.
func acceptsIdentity(h http.Header) bool {
	for _, value := range h["Accept-Encoding"] {
		if strings.Contains(value, ";") {
			return false
		}
	}
	return true
}
