package stamp

import (
	"bytes"
	"path"
	"strings"
)

// Script rewrites the script that is served under a URL path: string literals that load a classic worker, a script or a resource.
// It never rewrites references to modules, shared workers and service workers, since their URL is their identity. It returns
// content itself if nothing is rewritten.
func (r *Rewriter) Script(content []byte, path string) []byte {
	var edits edits
	var memory scratch
	at := locationOfFile(path)
	for _, l := range literalsOf(content) {
		text := content[l.start:l.end]
		if !l.mayHaveVersion(text) {
			continue
		}
		if e, ok := r.stamp(text, at, plainAmpersand, &memory); ok {
			edits.add(content, edit{l.start + e.start, l.start + e.end, e.with})
		}
	}
	return edits.finish(content)
}

// mayHaveVersion reports whether a literal can name a version. A URL that is relative to the page cannot, since the page is unknown
// here. Neither can a script URL in new URL: the program may import the result as a module.
func (l literal) mayHaveVersion(text []byte) bool {
	switch {
	case l.kind == importLiteral, l.worker == moduleWorker, l.worker == unknownWorker:
		return false
	case l.isOfPage && text[0] != '/' && schemeLength(text) == 0:
		return false
	case l.kind == workerLiteral:
		return true
	default:
		return l.worker == classicWorker || !isScriptURL(text)
	}
}

// isScriptURL reports whether the path of a URL has the extension of a script.
func isScriptURL(text []byte) bool {
	if end := bytes.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	switch strings.ToLower(path.Ext(string(text))) {
	case ".js", ".mjs", ".cjs":
		return true
	}
	return false
}

// literal is a string literal that a script loads.
type literal struct {
	start, end int // without quotes
	kind       literalKind
	worker     workerKind // the kind of worker that the literal starts
	isOfPage   bool       // a relative URL is resolved against the page or the worker, not against the script
}

// literalKind is how a script loads a literal.
type literalKind byte

const (
	workerLiteral literalKind = iota // new Worker("x"), importScripts("x")
	importLiteral                    // import "x", import("x"), export … from "x"
	urlLiteral                       // new URL("x", base) with a base that is known, see urlBase
)

type workerKind byte

const (
	noWorker workerKind = iota
	classicWorker
	moduleWorker
	unknownWorker // the kind depends on a value that is unknown here
)

// literalsOf finds the literals that a script loads.
func literalsOf(content []byte) []literal {
	mayLoad := bytes.Contains(content, []byte("import")) || bytes.Contains(content, []byte("Worker")) || bytes.Contains(content, []byte("new URL"))
	if !mayLoad || len(content) > maxScript {
		return nil
	}
	t := tokensOf(content, maxTokens)
	var found []literal
	for i, token := range t.list {
		if !t.isString(i) {
			continue
		}
		l := literal{start: int(token.start) + 1, end: int(token.end) - 1}
		if l.end <= l.start || bytes.IndexByte(content[l.start:l.end], '\\') >= 0 {
			continue
		}
		if t.classify(&l, i) {
			found = append(found, l)
		}
	}
	return found
}

// classify sets the kind of the literal at i. It returns false if the script does not load the literal.
func (t *tokens) classify(l *literal, i int) bool {
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
		return t.classifyURL(l, i)
	case t.constructsWorker(i - 1):
		l.isOfPage, l.worker = true, t.workerKind(i+1)
		return true
	case t.are(i-2, "importScripts", "("), t.is(i-1, ",") && t.imported > 0 && t.imported == i-2:
		l.isOfPage, t.imported = true, i
		return true
	}
	return false
}

// classifyURL sets the kind of the literal at i, which is the first argument of new URL.
func (t *tokens) classifyURL(l *literal, i int) bool {
	length, isOfPage := t.urlBase(i + 1)
	if length == 0 || t.are(i-5, "register", "(") || t.are(i-5, "SharedWorker", "(") {
		return false
	}
	l.kind, l.isOfPage = urlLiteral, isOfPage
	switch {
	case t.constructsWorker(i - 4):
		l.worker = t.workerKind(i + 1 + length)
	case t.are(i-5, "importScripts", "("):
		l.worker = classicWorker
	}
	return true
}

// urlBase reads the second argument of new URL, which begins at i with a comma. It returns how many tokens the argument and the
// parenthesis have, or 0 for a base that is unknown here.
func (t *tokens) urlBase(i int) (length int, isOfPage bool) {
	switch {
	case t.are(i, ",", "import", ".", "meta", ".", "url", ")"):
		return 7, false
	case t.are(i, ",", "document", ".", "currentScript", ".", "src", ")"):
		return 7, false
	case t.are(i, ",", "document", ".", "baseURI", ")"):
		return 5, true
	}
	next := i + 1
	if t.is(next+1, ".") && (t.is(next, "window") || t.is(next, "self") || t.is(next, "document") || t.is(next, "globalThis")) {
		next += 2
	}
	if !t.is(i, ",") || !t.is(next, "location") {
		return 0, false
	}
	next++
	if t.is(next, ".") && (t.is(next+1, "href") || t.is(next+1, "origin")) {
		next += 2
	}
	if !t.is(next, ")") {
		return 0, false
	}
	return next + 1 - i, true
}

// constructsWorker reports whether the parenthesis at i opens the arguments of a worker constructor.
func (t *tokens) constructsWorker(i int) bool {
	return t.are(i-1, "Worker", "(") && (t.is(i-2, "new") || t.is(i-2, ".") && t.is(i-4, "new"))
}

// workerKind reads the options of a worker. They begin at i, after the URL of the worker.
func (t *tokens) workerKind(i int) workerKind {
	switch {
	case t.is(i, ")"), t.are(i, ",", ")"), t.is(i, ",") && t.isString(i+1) && t.is(i+2, ")"): // a string is the worker's name
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
