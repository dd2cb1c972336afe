package fingerprint

import "strings"

// usualToken is the length of the tokens of Vite, Rollup and esbuild.
const usualToken = 8

// SplitName splits a name into the parts before and after its version. The version is proved, or is found by its shape if
// proved is "". The names of one file in several builds have the same parts. For a name without a version, ok is false.
func SplitName(name, proved string) (before, after string, ok bool) {
	token := proved
	if token == "" {
		token = shapedToken(name)
	}
	at := strings.LastIndex(name, token)
	if token == "" || at <= strings.LastIndexByte(name, '/')+1 {
		return "", "", false // the name is only a hash, so it has no parts in common with others
	}
	return name[:at], name[at+len(token):], true
}

// shapedToken returns the distinctive token of a name, or the last eight characters before the extension. The latter is needed
// because two in five digests of eight characters look like words.
func shapedToken(name string) string {
	for token := range nameTokens(name) {
		if isDistinctive(token) {
			return token
		}
	}
	stem := name[:max(strings.LastIndexByte(name, '.'), 0)]
	at := len(stem) - usualToken
	if at < 1 || stem[at-1] != '-' && stem[at-1] != '.' || !isBase64URL(stem[at:]) {
		return ""
	}
	return stem[at:]
}
