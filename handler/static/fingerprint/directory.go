package fingerprint

import (
	"iter"
	"maps"
	"path"
	"strings"
	"unicode"
)

// directory is a directory in which a framework keeps versioned files.
type directory struct {
	framework string
	path      string // with a final slash, or "" for the root
	isToken   func(token string) bool
}

// isRollupToken reports whether a token has the length of tokens by Vite and by the frameworks that use Vite. Astro appends a hash of
// an image's dimensions.
func isRollupToken(token string) bool {
	return len(token) == 8 || len(token) > 9 && token[8] == '_' && looksLikeDigest(token[:8])
}

// isNextToken reports whether a token has the alphabet of tokens by Turbopack and webpack.
func isNextToken(token string) bool { return strings.IndexFunc(token, unicode.IsUpper) < 0 }

// mark is a file that only one framework writes. It identifies the framework's directory for versioned files.
type mark struct {
	framework string
	file      string
	directory string // relative to the directory above the mark
}

var marks = []mark{
	{"SvelteKit", "_app/version.json", "_app/immutable/"},
	{"Nuxt", "_nuxt/builds/latest.json", "_nuxt/"},
}

// markedDirectories returns the directories with a framework's mark, by path. A directory counts only if two thirds of its names look
// versioned: a build can be configured without versions. In an unversioned directory, a name that looks versioned (CTABlock.js) is a
// word.
func markedDirectories(tree Tree) map[string]directory {
	marked := make(map[string]directory)
	for p := range tree.Files() {
		if d, ok := markedBy(p, tree); ok {
			if _, known := marked[d.path]; !known {
				marked[d.path] = d
			}
		}
	}
	type count struct{ versioned, all int }
	counts := make(map[string]count)
	for p := range tree.Files() {
		if isDerived(p) || path.Ext(p) == ".json" {
			continue
		}
		for above := range directoriesAbove(p) {
			d, ok := marked[above]
			if !ok {
				continue
			}
			c := counts[above]
			c.all++
			if d.isVersioned(p) {
				c.versioned++
			}
			counts[above] = c
		}
	}
	maps.DeleteFunc(marked, func(p string, _ directory) bool { return 3*counts[p].versioned < 2*counts[p].all })
	return marked
}

// directoriesAbove yields the directories above a path, from the root ("") down, each with a final slash.
func directoriesAbove(p string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for end := 0; yield(p[:end]); end++ {
			next := strings.IndexByte(p[end:], '/')
			if next < 0 {
				return
			}
			end += next
		}
	}
}

// markedBy returns the directory that a path marks.
func markedBy(p string, tree Tree) (directory, bool) {
	for _, mark := range marks {
		if before, ok := strings.CutSuffix(p, mark.file); ok && (before == "" || strings.HasSuffix(before, "/")) {
			return directory{mark.framework, before + mark.directory, isRollupToken}, true
		}
	}
	if at := strings.Index("/"+p, "/_astro/"); at >= 0 {
		return directory{"Astro", p[:at] + "_astro/", isRollupToken}, true
	}
	return nextDirectory(p, tree)
}

// nextDirectory recognizes Next.js by the two scripts that Next.js writes into a directory named for the build. The tree is an
// exported site, or .next/static itself.
func nextDirectory(p string, tree Tree) (directory, bool) {
	build, ok := strings.CutSuffix(p, "/_buildManifest.js")
	if !ok || !tree.Has(build+"/_ssgManifest.js") {
		return directory{}, false
	}
	static := strings.TrimSuffix(build, path.Base(build))
	if static != "" && static != "_next/static/" && !strings.HasSuffix(static, "/_next/static/") {
		return directory{}, false
	}
	return directory{"Next.js", static, isNextToken}, true
}

// nextBuildLength is the length of the build identifiers that Next.js generates.
const nextBuildLength = 21

// isVersioned reports whether a file is in the directory and looks versioned. Frameworks put other files into it too.
func (d directory) isVersioned(p string) bool {
	rest, ok := strings.CutPrefix(p, d.path)
	if !ok || isDerived(p) {
		return false
	}
	if d.framework == "Next.js" {
		if build, file, _ := strings.Cut(rest, "/"); len(build) == nextBuildLength && looksLikeDigest(build) {
			return file != "" && !strings.Contains(file, "/")
		}
	}
	for token := range nameTokens(rest) {
		if d.isToken(token) && looksLikeDigest(token) {
			return true
		}
	}
	return false
}
