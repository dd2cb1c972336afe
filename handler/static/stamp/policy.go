package stamp

import "strings"

// PinsInline reports a Content-Security-Policy that names what is inline by its digest (CSP 3, 2.3.1).
func PinsInline(policy string) bool {
	policy = strings.ToLower(policy)
	for _, algorithm := range []string{"'sha256-", "'sha384-", "'sha512-"} {
		if strings.Contains(policy, algorithm) {
			return true
		}
	}
	return false
}

// PinsPaths reports a Content-Security-Policy that allows only a part of what is below a prefix: it would not allow the same
// files under the prefix of a generation (CSP 3, 6.7.2.10). Queries it does not look at.
func (s *Stamper) PinsPaths(policy string) bool {
	for _, prefix := range s.Prefixes {
		for rest := policy; ; {
			at := strings.Index(rest, prefix)
			if at < 0 {
				break
			}
			rest = rest[at+len(prefix):]
			if prefix != "/" && rest != "" && !strings.ContainsRune(" \t\n\f\r;,", rune(rest[0])) {
				return true
			}
		}
		if prefix == "/" && pinsAnyPath(policy) {
			return true
		}
	}
	return false
}

// pinsAnyPath is for a prefix of which every path is a part.
func pinsAnyPath(policy string) bool {
	for source := range strings.FieldsFuncSeq(policy, func(r rune) bool { return strings.ContainsRune(" \t\n\f\r;,", r) }) {
		_, rest, found := strings.Cut(source, "://")
		if !found {
			rest = source
		}
		if _, path, found := strings.Cut(rest, "/"); found && path != "" && !strings.HasPrefix(source, "'") {
			return true
		}
	}
	return false
}
