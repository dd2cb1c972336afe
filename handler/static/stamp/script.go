package stamp

import (
	"bytes"
	"path"
	"strings"
)

// Script rewrites the script that is served under a URL path: literals that are the URL of an asset, where a classic worker or
// a resource is loaded by them. Modules and service workers are not: their URL is their identity. Content that holds nothing to
// rewrite is returned as it is.
func (s *Stamper) Script(content []byte, path string) []byte {
	var out []byte
	var memory scratch
	from := 0
	s.scriptEdits(content, locationOf(pathURL(path)), &memory, func(e edit) {
		out = append(append(out, content[from:e.start]...), e.with...)
		from = e.end
	})
	if out == nil {
		return content
	}
	return append(out, content[from:]...)
}

func (s *Stamper) scriptEdits(content []byte, at location, memory *scratch, change func(edit)) {
	for _, l := range literals(content) {
		text := content[l.start:l.end]
		if !l.takesVersion(text) {
			continue
		}
		if e, ok := s.stamp(text, at, plainAmpersand, memory); ok {
			change(edit{l.start + e.start, l.start + e.end, e.with})
		}
	}
}

// takesVersion reports a literal that can name a version. A relative URL can do so only where it is resolved against the
// script: that of a worker is resolved against the page, which is not known here. What new URL makes of the URL of a script may
// be imported as a module.
func (l literal) takesVersion(text []byte) bool {
	switch {
	case l.kind == importLiteral, l.worker == moduleWorker, l.worker == unknownWorker:
		return false
	case l.kind == workerLiteral:
		return text[0] == '/' || schemeLength(text) > 0
	default:
		return l.worker == classicWorker || !isScriptURL(text)
	}
}

// isScriptURL reports the URL of a file that is a script by its name.
func isScriptURL(text []byte) bool {
	if end := bytes.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	return IsScript(string(text))
}

// literal is a string in a script that is loaded as what its kind says.
type literal struct {
	start, end int // without quotes
	kind       literalKind
	worker     workerKind // that it starts
}

type literalKind byte

const (
	workerLiteral  literalKind = iota // new Worker("x"), importScripts("x")
	importLiteral                     // import "x", import("x"), export … from "x"
	addressLiteral                    // new URL("x", import.meta.url)
)

// workerKind is what a worker is made of.
type workerKind byte

const (
	noWorker workerKind = iota
	classicWorker
	moduleWorker
	unknownWorker // it cannot be told
)

// literals finds those of a script.
func literals(content []byte) []literal {
	loads := bytes.Contains(content, []byte("import")) || bytes.Contains(content, []byte("Worker"))
	if !loads || len(content) > maxScript {
		return nil
	}
	t := tokensOf(content, maxTokens)
	var found []literal
	for i, token := range t.list {
		if !t.isText(i) {
			continue
		}
		l := literal{start: int(token.start) + 1, end: int(token.end) - 1}
		if l.end <= l.start || bytes.IndexByte(content[l.start:l.end], '\\') >= 0 {
			continue
		}
		if t.describe(&l, i) {
			found = append(found, l)
		}
	}
	return found
}

// describe tells what is loaded by the literal at i.
func (t *tokens) describe(l *literal, i int) bool {
	switch {
	case t.is(i-1, "import"), t.is(i-1, "from"):
		l.kind = importLiteral
		return true
	case !t.is(i+1, ")") && !t.is(i+1, ","):
		return false
	case t.are(i-2, "import", "(") && !t.is(i-3, "."):
		l.kind = importLiteral
		return true
	case t.are(i-3, "new", "URL", "("):
		return t.describeAddress(l, i)
	case t.constructsWorker(i - 1):
		l.worker = t.workerKind(i + 1)
		return true
	case t.are(i-2, "importScripts", "("), t.is(i-1, ",") && t.imported > 0 && t.imported == i-2:
		t.imported = i
		return true
	}
	return false
}

func (t *tokens) describeAddress(l *literal, i int) bool {
	const after = 7 // the comma, five of import.meta.url, and the bracket
	if !t.are(i+1, ",", "import", ".", "meta", ".", "url", ")") || t.are(i-5, "register", "(") {
		return false
	}
	l.kind = addressLiteral
	if t.constructsWorker(i - 4) {
		l.worker = t.workerKind(i + 1 + after)
	}
	return true
}

// constructsWorker reports whether the bracket at i opens the arguments of a worker.
func (t *tokens) constructsWorker(i int) bool {
	if !t.is(i, "(") || !t.is(i-1, "Worker") && !t.is(i-1, "SharedWorker") {
		return false
	}
	return t.is(i-2, "new") || t.is(i-2, ".") && t.is(i-4, "new")
}

// workerKind reads the options behind the URL of a worker; at i is what follows it.
func (t *tokens) workerKind(i int) workerKind {
	switch {
	case t.is(i, ")"), t.are(i, ",", ")"), t.is(i, ",") && t.isText(i+1) && t.is(i+2, ")"): // a text is a name
		return classicWorker
	case !t.are(i, ",", "{"):
		return unknownWorker
	}
	for i += 2; i < len(t.list); i++ {
		switch {
		case t.is(i, "}"):
			return classicWorker
		case t.is(i, "type"), t.is(i, `"type"`), t.is(i, `'type'`):
			switch {
			case t.are(i+1, ":", `"module"`), t.are(i+1, ":", `'module'`):
				return moduleWorker
			case t.are(i+1, ":", `"classic"`), t.are(i+1, ":", `'classic'`):
				return classicWorker
			}
			return unknownWorker
		case t.is(i, "..."), t.is(i, "{"), t.is(i, "["):
			return unknownWorker
		}
	}
	return unknownWorker
}

// IsScript reports a name that scripts have.
func IsScript(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".js", ".mjs", ".cjs":
		return true
	}
	return false
}

// isSpecifier reports a specifier that is a URL, and no bare name.
func isSpecifier(text []byte) bool {
	return bytes.HasPrefix(text, []byte("/")) || bytes.HasPrefix(text, []byte("./")) ||
		bytes.HasPrefix(text, []byte("../")) || schemeLength(text) > 0
}
