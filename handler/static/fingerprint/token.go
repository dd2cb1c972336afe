package fingerprint

import (
	"path"
	"slices"
	"strings"
	"unicode"
)

// nameTokens yields the parts of a name that could be a token: each segment before the extension, and what follows a
// hyphen or an underscore of it. Since base64url has both, every one of them may be where the token begins.
func nameTokens(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		rest := path.Base(name)
		for {
			segment, after, found := strings.Cut(rest, ".")
			if !found {
				return
			}
			rest = after
			for at := 0; len(segment)-at >= shortestToken; {
				if token := segment[at:]; len(token) <= maxToken && isBase64URL(token) && !yield(token) {
					return
				}
				next := strings.IndexAny(segment[at:], "-_")
				if next < 0 {
					break
				}
				at += next + 1
			}
		}
	}
}

// shortestToken is that of Symfony, and of Plain, which needs its manifest to be believed.
const shortestToken = 7

// versionToken finds the token that makes the name of an output another one for other bytes, given the names that it
// would have without one. What is inserted into such a name may look like any digest. Elsewhere the token must stand
// out: PDFViewer.css is no version, nor is i18n-messages.css.
func versionToken(output string, names ...string) (token string, ok bool) {
	if isDerived(output) {
		return "", false
	}
	for _, name := range names {
		rest, _ := inserted(output, name)
		for token := range strings.SplitSeq(rest, ".") {
			if looksLikeDigest(token) {
				return token, true
			}
		}
	}
	for token := range nameTokens(output) {
		if standsOut(token) && !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(path.Base(name), token) }) {
			return token, true
		}
	}
	return "", false
}

// isRelated reports a name that is one of these, or that something was inserted into.
func isRelated(output string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := inserted(output, name); return ok })
}

// LooksVersioned reports a name that seems to hold the hash of a build tool. It is no evidence of that.
func LooksVersioned(name string) bool {
	for token := range nameTokens(name) {
		if standsOut(token) {
			return true
		}
	}
	return false
}

// inserted is what stands between the stem that an output has of its source and the extension: "12c19cb3.chunk" of
// main.12c19cb3.chunk.js, for main.ts. It is false of an output of another name.
func inserted(output, name string) (string, bool) {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	rest, ok := strings.CutPrefix(path.Base(output), stem)
	if !ok || stem == "" || rest == "" || strings.IndexByte(".-_", rest[0]) < 0 {
		return "", false
	}
	rest = rest[1:]
	return rest[:max(strings.LastIndexByte(rest, '.'), 0)], true
}

// isDerived reports files that bear the version of another: a source map may change while its script does not, and a
// compressed file when the compressor does.
func isDerived(name string) bool {
	switch path.Ext(name) {
	case ".map", ".gz", ".br", ".zst":
		return true
	}
	return strings.HasSuffix(name, ".LICENSE.txt")
}

// looksLikeDigest tells digests from words, dates and sizes. It is no evidence, only a condition for one.
func looksLikeDigest(token string) bool {
	if len(token) < minHex || !isBase64URL(token) {
		return false
	}
	if len(token) == 8 && isBase32(token) {
		return !isNumber(token) // esbuild: one in five has no digit
	}
	if last := token[len(token)-1]; (last == '-' || last == '_') && strings.IndexFunc(token, unicode.IsUpper) >= 0 {
		return true // nobody ends a name so
	}
	for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r == '-' || r == '_' }) {
		if !isWord(part) {
			return true
		}
	}
	return false
}

// standsOut tells digests from names. Digits, capitals and small letters take turns in a digest; in a name a run of one
// kind is longer (PDFViewer, OAuth2Login, toBase64). Two in five digests of eight characters are taken for a name: where
// others of its build stand out, they are known by them.
func standsOut(token string) bool {
	if !looksLikeDigest(token) {
		return false
	}
	if len(token) == 8 && isBase32(token) || len(token) >= 12 && isHex(token) {
		return true
	}
	if len(token) != 8 && strings.ContainsAny(token, "-_") {
		return false // words, of which one is odd
	}
	for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r == '-' || r == '_' }) {
		if len(part) > 5 && 2*runsOf(part) >= len(part) {
			return true
		}
	}
	return false
}

// runsOf counts the runs of digits and of letters. Capitals belong to the small letters that follow.
func runsOf(part string) int {
	runs := 0
	for i := range len(part) {
		if c := part[i]; i == 0 || isDigit(c) != isDigit(part[i-1]) || isUpper(c) && isLower(part[i-1]) {
			runs++
		}
	}
	return runs
}

// isWord reports what people put between hyphens: words, abbreviations, numbers, both (bootstrap5, v20240101, 2x), and
// dimensions (1200x800).
func isWord(part string) bool {
	if isNumber(part) || all(part, isLower) || all(part, isUpper) || isCamelCase(part) {
		return true
	}
	if len(part) < 4 && isBase36(part) || isNumeronym(part) || isTime(part) {
		return true
	}
	if width, height, found := strings.Cut(part, "x"); found && isNumber(width) && isNumber(height) {
		return true
	}
	word := strings.TrimRight(part, "0123456789")
	return len(word) < len(part) && (word == "v" || len(word) >= 4 && all(word, isLower) || isCamelCase(word))
}

// isNumeronym reports i18n, l10n, a11y and their like.
func isNumeronym(part string) bool {
	return len(part) >= 3 && len(part) <= 4 && isLower(part[0]) && isLower(part[len(part)-1]) && isNumber(part[1:len(part)-1])
}

// isTime reports a date and a time as ISO 8601 writes them without punctuation: 20240101T120000Z.
func isTime(part string) bool {
	date, time, found := strings.Cut(strings.TrimSuffix(part, "Z"), "T")
	return found && len(date) == 8 && len(time) >= 4 && isNumber(date) && isNumber(time)
}

// isCamelCase reports words of three letters and more, such as RedHatDisplay.
func isCamelCase(token string) bool {
	length := 0
	for i := range len(token) {
		switch c := token[i]; {
		case isLower(c):
			length++
		case isUpper(c) && (i == 0 || length >= 3):
			length = 1
		default:
			return false
		}
	}
	return length >= 3
}

// djangoToken is the token of a name in Django's form.
func djangoToken(name string) (token string, ok bool) {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	token = stem[strings.LastIndexByte(stem, '.')+1:]
	return token, len(token) == 12 && len(token) < len(stem) && isHex(token)
}

// DjangoSource is the path of the file that Django made a versioned one of, name.<12 hex>.ext: it leaves both there.
func DjangoSource(versioned string) (source string, ok bool) {
	token, ok := djangoToken(versioned)
	if !ok {
		return "", false
	}
	extension := path.Ext(versioned)
	return strings.TrimSuffix(versioned, "."+token+extension) + extension, true
}

// plainToken is the token of a name in Plain's form: seven digits, of MD5.
func plainToken(name string) (token string, ok bool) {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	token = stem[strings.LastIndexByte(stem, '.')+1:]
	return token, len(token) == shortestToken && len(token) < len(stem) && isHex(token)
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumber(token string) bool { return all(token, isDigit) }

func isHex(token string) bool {
	return all(token, func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' })
}

func isBase32(token string) bool {
	return all(token, func(c byte) bool { return isUpper(c) || c >= '2' && c <= '7' })
}

func isBunBase32(token string) bool {
	return all(token, func(c byte) bool { return strings.IndexByte(bunAlphabet, c) >= 0 })
}

func isBase36(token string) bool {
	return all(token, func(c byte) bool { return isLower(c) || isDigit(c) })
}

func isBase64URL(token string) bool {
	return all(token, func(c byte) bool { return isLower(c) || isUpper(c) || isDigit(c) || c == '-' || c == '_' })
}

func all(token string, in func(byte) bool) bool {
	for i := range len(token) {
		if !in(token[i]) {
			return false
		}
	}
	return true
}
