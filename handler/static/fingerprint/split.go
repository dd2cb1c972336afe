package fingerprint

import "strings"

// usualToken is the length of the token that Vite, Rollup and esbuild put into names.
const usualToken = 8

// SplitName splits a name around the version in it. The version is proved, or found by its shape; proved may be "". For a name
// without a version ok is false. Names of one file in several builds have equal parts.
func SplitName(name, proved string) (before, after string, ok bool) {
	token := proved
	if token == "" {
		token = shapedToken(name)
	}
	at := strings.LastIndex(name, token)
	if token == "" || at <= strings.LastIndexByte(name, '/')+1 {
		return "", "", false // a name that is only a hash is no version of another name
	}
	return name[:at], name[at+len(token):], true
}

// shapedToken is the distinctive token, or else the last eight characters before the extension. Two in five digests of that
// length look like words.
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
