package stamp

import "bytes"

// ampersand is how an ampersand is written in the text around a URL.
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

// scratch is memory that is reused for each reference.
type scratch struct {
	path, with []byte
}

// stamp returns the edit that sets the present version in a URL. It returns false if the URL stays unchanged.
func (r *Rewriter) stamp(text []byte, at location, amp ampersand, memory *scratch) (edit, bool) {
	ref, ok := r.resolve(text, at, memory)
	if !ok {
		return edit{}, false
	}
	return r.stampReference(text, ref, amp, memory)
}

// stampReference is stamp for a URL that is resolved.
func (r *Rewriter) stampReference(text []byte, ref reference, amp ampersand, memory *scratch) (edit, bool) {
	version, ok := r.Version(string(ref.path))
	if !ok {
		return edit{}, false
	}
	return setVersion(text, ref, version, amp, memory)
}

// resolve resolves a URL. It returns false if the URL is not below a prefix.
func (r *Rewriter) resolve(text []byte, at location, memory *scratch) (reference, bool) {
	if cap(memory.path) == 0 {
		memory.path = make([]byte, 0, 256)
	}
	ref, ok := at.resolve(text, memory.path)
	if !ok || !r.setServed(&ref) {
		return reference{}, false
	}
	return ref, true
}

// setVersion replaces the first query parameter that carries a version. If there is none, it appends a parameter.
func setVersion(text []byte, ref reference, version string, amp ampersand, memory *scratch) (edit, bool) {
	with := memory.with[:0]
	start, end, found := ref.versionParameter(text)
	if !found {
		start, end = ref.queryEnd, ref.queryEnd
		switch {
		case ref.queryEnd == ref.pathEnd:
			with = append(with, '?')
		case text[ref.queryEnd-1] != '?':
			with = append(with, amp...)
		}
	}
	parameter := len(with)
	with = append(with, ref.versionQuery[0]...)
	with = append(with, '=')
	with = append(with, version...)
	memory.with = with
	return edit{start, end, with}, !bytes.Equal(text[start:end], with[parameter:])
}

// versionParameter finds the first query parameter that carries a version.
func (ref reference) versionParameter(text []byte) (start, end int, found bool) {
	for start = ref.pathEnd + 1; start < ref.queryEnd; start = end + 1 {
		end = ref.queryEnd
		if length := bytes.IndexByte(text[start:ref.queryEnd], '&'); length >= 0 {
			end = start + length
		}
		name, _, _ := bytes.Cut(text[start:end], []byte("="))
		for _, parameter := range ref.versionQuery {
			if string(name) == parameter {
				return start, end, true
			}
		}
	}
	return 0, 0, false
}
