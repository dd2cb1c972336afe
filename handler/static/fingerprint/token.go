package fingerprint

import (
	"path"
	"slices"
	"strings"
	"unicode"
)

// nameTokens yields the parts of a name that could be a token: each segment before the extension, and each part of a segment after
// a hyphen or an underscore. Base64url contains both characters, so a token may begin after any of them.
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

// shortestToken is the length of the shortest tokens. Symfony and Plain write these. Plain's need its manifest as evidence.
const shortestToken = 7

// versionToken finds the version in the name of an output. The given names are those that the output would have without a version.
// Text that was inserted into one of these names needs only to look like a digest. Other text must be distinctive: PDFViewer.css
// and i18n-messages.css hold no version.
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
		if isDistinctive(token) && !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(path.Base(name), token) }) {
			return token, true
		}
	}
	return "", false
}

// isRelated reports whether output is one of the names with text inserted before the extension.
func isRelated(output string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := inserted(output, name); return ok })
}

// LooksVersioned reports whether a name certainly looks as if it held the hash of a build tool. The result is no evidence. Two
// in five hashes of eight characters look like words here, see [MayBeHashed].
func LooksVersioned(name string) bool {
	for token := range nameTokens(name) {
		if isDistinctive(token) {
			return true
		}
	}
	return false
}

// inserted returns the text between the stem of a source and the extension of its output: "12c19cb3.chunk" for main.ts and
// main.12c19cb3.chunk.js. It returns false if the output does not begin with the stem.
func inserted(output, name string) (string, bool) {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	rest, ok := strings.CutPrefix(path.Base(output), stem)
	if !ok || stem == "" || rest == "" || strings.IndexByte(".-_", rest[0]) < 0 {
		return "", false
	}
	rest = rest[1:]
	return rest[:max(strings.LastIndexByte(rest, '.'), 0)], true
}

// isDerived reports whether a file has the version of another file in its name. A source map may change while its script does not. A
// compressed file may change with the compressor.
func isDerived(name string) bool {
	switch path.Ext(name) {
	case ".map", ".gz", ".br", ".zst":
		return true
	}
	return strings.HasSuffix(name, ".LICENSE.txt")
}

// looksLikeDigest distinguishes digests from words, dates and sizes. The result is a condition for evidence, and no evidence itself.
func looksLikeDigest(token string) bool {
	if len(token) < minHex || !isBase64URL(token) {
		return false
	}
	if len(token) == 8 && isBase32(token) {
		return !isNumber(token) // esbuild: one in five tokens has no digit
	}
	if last := token[len(token)-1]; (last == '-' || last == '_') && strings.IndexFunc(token, unicode.IsUpper) >= 0 {
		return true // names do not end with a separator
	}
	for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r == '-' || r == '_' }) {
		if !isWord(part) {
			return true
		}
	}
	return false
}

// isDistinctive distinguishes digests from names. Digits, capitals and small letters alternate in a digest. In a name the runs of one
// kind are longer (PDFViewer, OAuth2Login, toBase64). Two in five digests of eight characters look like a name here; addSimilar
// finds these by the form of the build's other tokens.
func isDistinctive(token string) bool {
	if !looksLikeDigest(token) {
		return false
	}
	if len(token) == 8 && isBase32(token) || len(token) >= 12 && isHex(token) {
		return true
	}
	if len(token) != 8 && strings.ContainsAny(token, "-_") {
		return false // words, one of them unusual
	}
	for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r == '-' || r == '_' }) {
		if len(part) > 5 && 2*runsOf(part) >= len(part) {
			return true
		}
	}
	return false
}

// runsOf counts the runs of digits and of letters. Capitals count with the small letters after them.
func runsOf(part string) int {
	runs := 0
	for i := range len(part) {
		if c := part[i]; i == 0 || isDigit(c) != isDigit(part[i-1]) || isUpper(c) && isLower(part[i-1]) {
			runs++
		}
	}
	return runs
}

// isWord reports whether a part of a name is a word, an abbreviation, a number, a combination (bootstrap5, v20240101, 2x), or
// dimensions (1200x800).
func isWord(part string) bool {
	if isNumber(part) || all(part, isLower) || all(part, isUpper) || isCamelCase(part) {
		return true
	}
	if len(part) < 4 && isBase36(part) || isNumeronym(part) || isTime(part) {
		return true
	}
	if isDimensions(part) {
		return true
	}
	word := strings.TrimRight(part, "0123456789")
	return len(word) < len(part) && (word == "v" || len(word) >= 4 && all(word, isLower) || isCamelCase(word))
}

// isDimensions reports whether a part is dimensions such as 1200x800.
func isDimensions(part string) bool {
	width, height, found := strings.Cut(part, "x")
	return found && isNumber(width) && isNumber(height)
}

// isNumeronym reports whether a part is a numeronym such as i18n, l10n or a11y.
func isNumeronym(part string) bool {
	return len(part) >= 3 && len(part) <= 4 && isLower(part[0]) && isLower(part[len(part)-1]) && isNumber(part[1:len(part)-1])
}

// isTime reports whether a part is a date and a time in the basic format of ISO 8601: 20240101T120000Z.
func isTime(part string) bool {
	date, time, found := strings.Cut(strings.TrimSuffix(part, "Z"), "T")
	return found && len(date) == 8 && len(time) >= 4 && isNumber(date) && isNumber(time)
}

// isCamelCase reports whether a token consists of capitalized words of at least three letters, such as RedHatDisplay.
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

// djangoToken returns the token of a name in Django's form, name.<12 hex>.ext.
func djangoToken(name string) (token string, ok bool) {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	token = stem[strings.LastIndexByte(stem, '.')+1:]
	return token, len(token) == 12 && len(token) < len(stem) && isHex(token)
}

// DjangoSource returns the path of the source of a file in Django's form, name.<12 hex>.ext. Django keeps both files.
func DjangoSource(versioned string) (source string, ok bool) {
	token, ok := djangoToken(versioned)
	if !ok {
		return "", false
	}
	extension := path.Ext(versioned)
	return strings.TrimSuffix(versioned, "."+token+extension) + extension, true
}

// plainToken returns the token of a name in Plain's form: seven digits of an MD5.
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
