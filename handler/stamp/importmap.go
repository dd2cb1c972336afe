package stamp

import (
	"bytes"
	"encoding/json"
)

// importMapEdits has the addresses of an import map name the modules of the current generation (HTML, 8.1.6.3). Its keys
// too, where they are URLs: they are compared with what was imported.
func (s *Stamper) importMapEdits(content []byte, at location, memory *scratch, change func(edit)) {
	if !json.Valid(content) {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	var edits []edit
	section, depth := "", 0
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case json.Delim:
			depth++
			if token == '}' || token == ']' {
				depth -= 2
			}
		case string:
			if depth == 1 {
				section = token
				continue
			}
			if e, ok := s.importMapEdit(token, at, memory, section); ok {
				start := int(before) + bytes.IndexByte(content[before:], '"')
				edits = append(edits, edit{start, int(decoder.InputOffset()), e})
			}
		}
	}
	for _, e := range edits {
		change(e)
	}
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
