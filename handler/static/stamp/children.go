package stamp

import (
	"bytes"
	"slices"
)

// Child is a file that a script refers to.
type Child struct {
	Path string
	// How is "starts" for workers, "imports" for modules and "loads" for other files.
	How string
}

// Children returns the files that a script refers to and that have a version. If scripts are not rewritten, these references stay
// unversioned. References that already name a version are left out.
func (r *Rewriter) Children(source Source) []Child {
	var children []Child
	var memory scratch
	at := locationOfFile(source.Path)
	for _, l := range literalsOf(source.Content) {
		text := source.Content[l.start:l.end]
		isRelative := text[0] != '/' && schemeLength(text) == 0
		if isRelative && l.isOfPage || l.kind == importLiteral && !isURLSpecifier(text) {
			continue
		}
		ref, ok := r.resolve(text, at, &memory)
		if !ok {
			continue
		}
		child := Child{string(ref.path), l.how()}
		_, _, namesVersion := ref.versionParameter(text)
		if _, ok := r.Version(child.Path); ok && !namesVersion && !slices.Contains(children, child) {
			children = append(children, child)
		}
	}
	return children
}

func (l literal) how() string {
	switch {
	case l.kind == workerLiteral, l.worker != noWorker:
		return "starts"
	case l.kind == importLiteral:
		return "imports"
	default:
		return "loads"
	}
}

// isURLSpecifier reports whether a module specifier is a URL and not a bare name.
func isURLSpecifier(text []byte) bool {
	return bytes.HasPrefix(text, []byte("/")) || bytes.HasPrefix(text, []byte("./")) ||
		bytes.HasPrefix(text, []byte("../")) || schemeLength(text) > 0
}
