package fingerprint

import (
	"iter"
	"maps"
	"path"
	"strings"
	"unicode"
)

// directory is where a framework keeps files that bear their version.
type directory struct {
	framework string
	path      string // with a final slash, or "" for the root
	versioned func(token string) bool
}

// rollupToken is what Vite and all that build on it make of the bytes. Astro appends the hash of an image's dimensions.
func rollupToken(token string) bool {
	return len(token) == 8 || len(token) > 9 && token[8] == '_' && looksLikeDigest(token[:8])
}

// nextToken is Turbopack's or webpack's.
func nextToken(token string) bool { return strings.IndexFunc(token, unicode.IsUpper) < 0 }

// marks are files that a framework writes and nobody else, each with the directory that it speaks for.
var marks = []struct {
	framework string
	file      string
	directory string // in place of the file
}{
	{"SvelteKit", "_app/version.json", "_app/immutable/"},
	{"Nuxt", "_nuxt/builds/latest.json", "_nuxt/"},
}

// markedDirectories looks for the marks of frameworks, and returns the marked directories by path. A directory counts only if most
// names in it look as if they contain a version: a build may be told to use none. In such a directory the one name that does
// (CTABlock.js) is a word.
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
			if d.admits(p) {
				c.versioned++
			}
			counts[above] = c
		}
	}
	maps.DeleteFunc(marked, func(p string, _ directory) bool { return 3*counts[p].versioned < 2*counts[p].all })
	return marked
}

// directoriesAbove yields the directories above a path, each with a final slash, the root as "" first.
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

func markedBy(p string, tree Tree) (directory, bool) {
	for _, mark := range marks {
		if before, ok := strings.CutSuffix(p, mark.file); ok && (before == "" || strings.HasSuffix(before, "/")) {
			return directory{mark.framework, before + mark.directory, rollupToken}, true
		}
	}
	if at := strings.Index("/"+p, "/_astro/"); at >= 0 {
		return directory{"Astro", p[:at] + "_astro/", rollupToken}, true
	}
	return nextDirectory(p, tree)
}

// nextDirectory recognises Next.js by the two scripts that it writes into a directory named for the build. The tree is
// an exported site, or .next/static itself.
func nextDirectory(p string, tree Tree) (directory, bool) {
	build, ok := strings.CutSuffix(p, "/_buildManifest.js")
	if !ok || !tree.Has(build+"/_ssgManifest.js") {
		return directory{}, false
	}
	static := strings.TrimSuffix(build, path.Base(build))
	if static != "" && static != "_next/static/" && !strings.HasSuffix(static, "/_next/static/") {
		return directory{}, false
	}
	return directory{"Next.js", static, nextToken}, true
}

// nextBuild is how long the identifier is that Next.js makes for a build.
const nextBuild = 21

// admits reports a file in the directory whose name has the look of a version as well: frameworks put others there too.
func (d directory) admits(p string) bool {
	rest, ok := strings.CutPrefix(p, d.path)
	if !ok || isDerived(p) {
		return false
	}
	if d.framework == "Next.js" {
		if build, file, _ := strings.Cut(rest, "/"); len(build) == nextBuild && looksLikeDigest(build) {
			return file != "" && !strings.Contains(file, "/")
		}
	}
	for token := range nameTokens(rest) {
		if d.versioned(token) && looksLikeDigest(token) {
			return true
		}
	}
	return false
}
