package stamp

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// Links are what a script loads, as far as modules go. Paths are URL paths, decoded.
type Links struct {
	// Inherits are the files that it names relative to itself: under a prefix in its own URL they get that prefix too.
	Inherits []string
	// InheritsBelow begin the paths of those whose rest is computed, as in import(`./lang/${name}.js`).
	InheritsBelow []string
	// Names are the files that it names by their absolute path, which a prefix does not reach, other than for workers.
	Names []string
	// Imports are those of them that a page can rewrite: they stand in import statements and calls.
	Imports []string
	// NamesBelow begin the paths of those whose rest is computed.
	NamesBelow []string
	// Unknown: it imports what cannot be told, or could not be read to its end.
	Unknown bool
	// Leaves: it imports from above the prefix, where there is no generation.
	Leaves bool
	// MayBeClassic: it imports relative to itself, and could be a classic script, which has no prefix.
	MayBeClassic bool
}

// Links reads the script that is served under a URL path.
func (s *Stamper) Links(urlPath string, content []byte) Links {
	return s.links(locationOf(pathURL(urlPath)), content, maxTokens)
}

func (s *Stamper) links(at location, content []byte, limit int) Links {
	r := linkReader{stamper: s, at: at}
	if !s.mayLink(content) {
		return r.Links
	}
	if len(content) > maxScript {
		r.Unknown = true
		return r.Links
	}
	r.tokens = tokensOf(content, limit)
	r.Unknown = !r.whole
	for i, token := range r.list {
		switch {
		case token.kind == js.ImportToken || token.kind == js.ExportToken:
			r.keyword(i)
		case r.isText(i):
			r.literal(i)
		}
	}
	r.MayBeClassic = !r.module && len(r.Inherits)+len(r.InheritsBelow) > 0
	return r.Links
}

// mayLink spares most scripts the reading.
func (s *Stamper) mayLink(content []byte) bool {
	if bytes.Contains(content, []byte("import")) || bytes.Contains(content, []byte("export")) {
		return true
	}
	return slices.ContainsFunc(s.Prefixes, func(prefix string) bool { return bytes.Contains(content, []byte(prefix)) })
}

type linkReader struct {
	Links
	*tokens
	stamper *Stamper
	at      location
	memory  scratch
	module  bool // it holds what only modules may
}

// keyword is for an import or export.
func (r *linkReader) keyword(i int) {
	if r.is(i-1, ".") || r.is(i-1, "?.") || r.is(i+1, ":") {
		return // the name of a property
	}
	if !r.is(i, "import") || !r.is(i+1, "(") {
		r.module = true
		return
	}
	if !r.isText(i+2) || !r.is(i+3, ")") && !r.is(i+3, ",") {
		r.computed(i + 2)
	}
}

// computed is for an argument of import() that is no literal. Its beginning may say enough.
func (r *linkReader) computed(i int) {
	if i >= len(r.list) {
		return
	}
	token := r.list[i]
	if r.are(i, "new", "URL", "(") && r.isText(i+3) && r.are(i+4, ",", "import", ".", "meta", ".", "url", ")") {
		return // that is a literal of its own
	}
	text := r.content[token.start:token.end]
	switch {
	case token.kind == js.TemplateStartToken:
		text = bytes.TrimSuffix(text[1:], []byte("${"))
	case token.kind == js.StringToken && r.is(i+1, "+"), token.kind == js.TemplateToken && r.is(i+1, "+"):
		text = text[1 : len(text)-1]
	default:
		r.Unknown = true
		return
	}
	if !isSpecifier(text) {
		r.Unknown = r.Unknown || len(text) == 0 // otherwise it is a name, for the import map
		return
	}
	below, relative, ok := r.resolve(text)
	switch {
	case !ok:
		r.Unknown = true
	case relative:
		r.InheritsBelow = append(r.InheritsBelow, below)
	default:
		r.NamesBelow = append(r.NamesBelow, below)
	}
}

// literal is for a string.
func (r *linkReader) literal(i int) {
	token := r.list[i]
	l := literal{start: int(token.start) + 1, end: int(token.end) - 1}
	if l.end <= l.start {
		return
	}
	text := r.content[l.start:l.end]
	loads := r.describe(&l, i)
	if !loads && r.are(i-6, "import", ".", "meta", ".", "resolve", "(") {
		loads, l.kind = true, importLiteral
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		r.Unknown = r.Unknown || loads
		return
	}
	isURL := l.kind == addressLiteral || isSpecifier(text)
	switch {
	case loads && l.kind == workerLiteral: // relative to the page, or a graph of its own
	case loads && isURL:
		r.name(text, l.kind == importLiteral)
	case text[0] == '/' && !r.registers(i):
		r.name(text, false)
	}
}

// registers reports a service worker: a graph of its own.
func (r *linkReader) registers(i int) bool {
	return r.are(i-4, "serviceWorker", ".", "register", "(") || r.are(i-7, "register", "(", "new", "URL", "(")
}

func (r *linkReader) name(text []byte, imports bool) {
	name, relative, ok := r.resolve(text)
	switch {
	case !ok:
		return // of another site
	case relative:
		r.Inherits = append(r.Inherits, name)
	case imports:
		r.Imports = append(r.Imports, name)
	default:
		r.Names = append(r.Names, name)
	}
}

// resolve finds the path of a URL, of this site as far as can be told. Relative: it depends on where the script is.
func (r *linkReader) resolve(text []byte) (name string, relative, ok bool) {
	at := r.at
	if scheme := schemeLength(text); scheme > 0 || bytes.HasPrefix(text, []byte("//")) {
		rest := text[scheme:]
		if scheme > 0 && !foldEqual(text[:scheme], "http:") && !foldEqual(text[:scheme], "https:") || !bytes.HasPrefix(rest, []byte("//")) {
			return "", false, false
		}
		slash := bytes.IndexByte(rest[2:], '/')
		if slash < 0 {
			return "", false, false
		}
		text = rest[2+slash:] // whatever the host: it may be this one
	}
	if r.memory.path == nil {
		r.memory.path = make([]byte, 0, 256)
	}
	ref, ok := at.resolve(text, r.memory.path)
	if !ok {
		return "", false, false
	}
	relative = !ref.absolute && !at.foreign
	if !r.stamper.serves(ref.path) {
		r.Leaves = r.Leaves || relative
		return "", false, false
	}
	if relative && r.climbs(text) {
		r.Leaves = true
	}
	return string(ref.path), relative, true
}

// climbs reports a relative URL that goes above the prefix and comes back: with a generation behind the prefix it would
// not come back to where it does without.
func (r *linkReader) climbs(text []byte) bool {
	text, _, _ = bytes.Cut(text, []byte("?"))
	directory := r.at.path[:strings.LastIndexByte(r.at.path, '/')+1]
	depth := strings.Count(directory[len(r.stamper.Owner(directory)):], "/") + 1
	for segment := range bytes.SplitSeq(text, []byte("/")) {
		switch dots(segment) {
		case 1:
		case 2:
			if depth--; depth <= 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}
