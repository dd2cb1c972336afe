package variants

import "strings"

// Acceptance is a parsed Accept-Encoding: the weight of each coding, 0 to 1000. 0 is "not acceptable".
type Acceptance [codings]uint16

// unlistedIdentity is the weight of identity if the client neither lists nor excludes it: acceptable, and less than
// anything that it lists.
const unlistedIdentity = 1

// onlyIdentity is for a client without the header. By the letter of RFC 9110 (12.5.3) it accepts every coding, but clients
// that send no header can decode none.
var onlyIdentity = Acceptance{Identity: unlistedIdentity}

// ParseAcceptEncoding reads the values of Accept-Encoding (RFC 9110, 12.5.3). It never fails: it ignores invalid
// elements. If a coding is listed twice, the lower weight counts.
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

// Accepts reports whether Accept-Encoding lists a coding by its name, and excludes it nowhere. `*` does not count: a client that
// cannot decode a delta may send it.
func Accepts(values []string, coding string) bool {
	accepted := false
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			if name, weight, ok := parseWeighted(element); ok && strings.EqualFold(name, coding) {
				if weight == 0 {
					return false
				}
				accepted = true
			}
		}
	}
	return accepted
}

// trimSpace removes optional whitespace (RFC 9110, 5.6.3) from both ends.
func trimSpace(s string) string { return strings.Trim(s, " \t") }

// Best returns the coding with the highest weight among those available, and false if the client accepts none of them.
// Between equal weights the smaller size wins. A negative size is a coding that is not available.
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

// excludesNothing reports an Accept-Encoding without weights, as nearly all are.
func excludesNothing(values []string) bool {
	for _, value := range values {
		if strings.Contains(value, ";") {
			return false
		}
	}
	return true
}
