package stamp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// importMapEdits has the addresses of an import map name the modules of the current generation (HTML, 8.1.6.3). Its keys
// too, where they are URLs: they are compared with what was imported. Not ok: a directory in it holds modules that have
// such a name and others that have none, and so the page must leave all of them.
func (s *Stamper) importMapEdits(content []byte, at location, memory *scratch, change func(edit)) (ok bool) {
	if !json.Valid(content) {
		return true // browsers drop it too
	}
	torn := false
	m := importMap{stamper: s, at: at, memory: memory}
	m.each(content, func(text string, _, _ int) { torn = torn || m.isTorn(text) })
	if torn {
		return false
	}
	m = importMap{stamper: s, at: at, memory: memory}
	m.each(content, func(text string, start, end int) {
		if with, ok := m.text(text); ok {
			change(edit{start, end, with})
		}
	})
	return true
}

// importMap is where in an import map a reader is.
type importMap struct {
	stamper *Stamper
	at      location
	memory  *scratch
	depth   int
	section string
	pinned  string // the URL whose integrity comes next
}

// each goes through the strings.
func (m *importMap) each(content []byte, each func(text string, start, end int)) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case json.Delim:
			m.depth++
			if token == '}' || token == ']' {
				m.depth -= 2
			}
		case string:
			each(token, int(before)+bytes.IndexByte(content[before:], '"'), int(decoder.InputOffset()))
		}
	}
}

// isTorn reports a directory that holds modules of both kinds.
func (m *importMap) isTorn(text string) bool {
	if !isSpecifier([]byte(text)) {
		return false
	}
	ref, ok := m.stamper.refer([]byte(text), m.at, m.memory)
	if !ok {
		return m.stamper.holdsPrefix(text, m.at)
	}
	if ref.path[len(ref.path)-1] != '/' {
		return false
	}
	_, torn := m.stamper.Modules(string(ref.path))
	return torn
}

// text is the new literal of a string, if it gets one.
func (m *importMap) text(text string) ([]byte, bool) {
	switch {
	case m.depth == 1:
		m.section, m.pinned = text, ""
		return nil, false
	case m.section == "integrity" && m.pinned != "":
		url := m.pinned
		m.pinned = ""
		return m.integrity(url, text)
	case m.section == "integrity":
		m.pinned = text
	}
	return m.stamper.importMapEdit(text, m.at, m.memory, m.section)
}

func (m *importMap) integrity(url, present string) ([]byte, bool) {
	ref, ok := m.stamper.refer([]byte(url), m.at, m.memory)
	if !ok || m.stamper.Integrity == nil {
		return nil, false
	}
	value, ok := m.stamper.Integrity(string(ref.path), present)
	if !ok || value == present || !isPin(value) {
		return nil, false
	}
	return []byte(`"` + value + `"`), true
}

// importMapEdit is the new literal of a string of an import map.
func (s *Stamper) importMapEdit(text string, at location, memory *scratch, section string) ([]byte, bool) {
	if section != "imports" && section != "scopes" && section != "integrity" || !isSpecifier([]byte(text)) {
		return nil, false
	}
	e, ok := s.stamp([]byte(text), at, asModule, plainAmpersand, memory)
	if !ok {
		return nil, false
	}
	// Marshal escapes what could end the script element.
	literal, err := json.Marshal(text[:e.start] + string(e.with) + text[e.end:])
	return literal, err == nil
}

// isSpecifier reports a specifier that is a URL, and no bare name.
func isSpecifier(text []byte) bool {
	return bytes.HasPrefix(text, []byte("/")) || bytes.HasPrefix(text, []byte("./")) ||
		bytes.HasPrefix(text, []byte("../")) || schemeLength(text) > 0
}

// holdsPrefix reports a directory that a prefix is below of.
func (s *Stamper) holdsPrefix(text string, at location) bool {
	ref, ok := at.resolve([]byte(text), nil)
	if !ok || len(ref.path) == 0 || ref.path[len(ref.path)-1] != '/' {
		return false
	}
	return slices.ContainsFunc(s.Prefixes, func(prefix string) bool { return strings.HasPrefix(prefix, string(ref.path)) })
}
