package stamp

import "bytes"

// ampersand is how an ampersand is written.
type ampersand string

const (
	plainAmpersand  ampersand = "&"
	markupAmpersand ampersand = "&amp;"
)

// edit replaces a part of a text.
type edit struct {
	start, end int
	with       []byte
}

// scratch is memory that the references of one page share, one after the other.
type scratch struct {
	path, with []byte
}

// stamp is how a URL is changed so that it names the present version.
func (s *Stamper) stamp(text []byte, at location, amp ampersand, memory *scratch) (edit, bool) {
	ref, ok := s.refer(text, at, memory)
	if !ok {
		return edit{}, false
	}
	version, ok := s.Version(string(ref.path))
	if !ok {
		return edit{}, false
	}
	return s.stampQuery(text, ref, version, amp, memory)
}

// refer resolves a URL that is below a prefix.
func (s *Stamper) refer(text []byte, at location, memory *scratch) (reference, bool) {
	if cap(memory.path) == 0 {
		memory.path = make([]byte, 0, 256)
	}
	ref, ok := at.resolve(text, memory.path)
	if !ok || !s.serves(ref.path) {
		return reference{}, false
	}
	return ref, true
}

// stampQuery sets the version in the first word of the query that carries one, or behind all of them.
func (s *Stamper) stampQuery(text []byte, ref reference, version string, amp ampersand, memory *scratch) (edit, bool) {
	with := memory.with[:0]
	start, end, found := s.versionWord(text, ref)
	if !found {
		start, end = ref.queryEnd, ref.queryEnd
		switch {
		case ref.queryEnd == ref.pathEnd:
			with = append(with, '?')
		case text[ref.queryEnd-1] != '?':
			with = append(with, amp...)
		}
	}
	word := len(with)
	with = append(with, s.VersionQuery[0]...)
	with = append(with, '=')
	with = append(with, version...)
	memory.with = with
	return edit{start, end, with}, !bytes.Equal(text[start:end], with[word:])
}

// versionWord is the first word of the query that carries a version.
func (s *Stamper) versionWord(text []byte, ref reference) (start, end int, found bool) {
	for start = ref.pathEnd + 1; start < ref.queryEnd; start = end + 1 {
		end = ref.queryEnd
		if length := bytes.IndexByte(text[start:ref.queryEnd], '&'); length >= 0 {
			end = start + length
		}
		name, _, _ := bytes.Cut(text[start:end], []byte("="))
		for _, word := range s.VersionQuery {
			if string(name) == word {
				return start, end, true
			}
		}
	}
	return 0, 0, false
}
