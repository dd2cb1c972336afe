package stamp

import (
	"bytes"
	"net/url"
	"strings"
)

// maxReference is the longest URL that is looked at.
const maxReference = 4 << 10

// location is where relative references start from.
type location struct {
	host string // of this site, without a default port; "" if it is not known
	path string // still percent-encoded, begins with a slash
	// foreign is set where a base element points elsewhere, or nowhere that could be made out.
	foreign bool
	// named is set where it names a host: with another scheme, it would be another origin.
	named bool
}

func locationOf(u *url.URL) location {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/"
	}
	return location{host: withoutDefaultPort(u.Host), path: path}
}

func pathURL(path string) *url.URL { return &url.URL{Path: path} }

// withoutDefaultPort compares hosts alone: behind a proxy that ends TLS, a page may not know its own scheme.
func withoutDefaultPort(host string) string {
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

// reference is a URL that was taken apart.
type reference struct {
	// path is decoded, without dot segments. It belongs to the scratch that it was resolved in.
	path []byte
	// Where its parts stand in the text: the path, and then the query with its question mark, up to the fragment.
	pathStart, pathEnd, queryEnd int
	// absolute: the path begins with a slash.
	absolute bool
}

// resolve takes a URL apart as browsers do (URL Standard, 4.4), if it is of this site. Spellings that nobody writes on
// purpose, such as backslashes and line ends within, are not ours.
func (l location) resolve(text []byte, scratch []byte) (reference, bool) {
	if len(text) > maxReference {
		return reference{}, false
	}
	start, end := trim(text)
	pathStart, ok := l.skipHost(text[start:end])
	if !ok {
		return reference{}, false
	}
	ref := reference{pathStart: start + pathStart, queryEnd: end}
	if fragment := bytes.IndexByte(text[start:end], '#'); fragment >= 0 {
		ref.queryEnd = start + fragment
	}
	ref.pathEnd = ref.queryEnd
	if query := bytes.IndexByte(text[start:ref.queryEnd], '?'); query >= 0 {
		ref.pathEnd = start + query
	}
	if ref.pathEnd <= ref.pathStart || bytes.ContainsAny(text[start:end], "\t\n\r") {
		return reference{}, false
	}
	raw := text[ref.pathStart:ref.pathEnd]
	ref.absolute = raw[0] == '/'
	ref.path, ok = l.join(raw, scratch[:0])
	return ref, ok
}

// moved is where references start from after a base element.
func (l location) moved(text []byte) location {
	start, end := trim(text)
	text = text[start:end]
	elsewhere := location{host: l.host, path: "/", foreign: true}
	start, ok := l.skipHost(text)
	if !ok || len(text) > maxReference || bytes.ContainsAny(text, "\t\n\r") {
		return elsewhere
	}
	l.named = start > 0
	path := text[start:]
	if end := bytes.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	switch {
	case bytes.IndexByte(path, '\\') >= 0:
		return elsewhere
	case len(path) > 0 && path[0] == '/':
		l.path = string(path)
	case len(path) > 0:
		l.path = l.path[:strings.LastIndexByte(l.path, '/')+1] + string(path)
	case l.named:
		l.path = "/"
	}
	return l
}

// trim leaves out the C0 controls and blanks around a URL.
func trim(text []byte) (start, end int) {
	end = len(text)
	for start < end && text[start] <= ' ' {
		start++
	}
	for end > start && text[end-1] <= ' ' {
		end--
	}
	return start, end
}

// skipHost is where the path begins, if the URL names no host or the host of this site.
func (l location) skipHost(text []byte) (int, bool) {
	hostStart, named := 0, bytes.HasPrefix(text, []byte("//"))
	if scheme := schemeLength(text); scheme > 0 {
		name := text[:scheme]
		if !foldEqual(name, "http:") && !foldEqual(name, "https:") || !bytes.HasPrefix(text[scheme:], []byte("//")) {
			return 0, false
		}
		hostStart, named = scheme, true
	}
	if !named {
		return 0, !l.foreign
	}
	hostStart += len("//")
	length := bytes.IndexAny(text[hostStart:], "/?#\\")
	if length < 0 {
		length = len(text) - hostStart
	}
	end := hostStart + length
	if length == 0 || length > 255 || end < len(text) && text[end] == '\\' {
		return 0, false
	}
	return end, l.host != "" && withoutDefaultPort(string(text[hostStart:end])) == l.host
}

// schemeLength is the length of a scheme with its colon, or 0.
func schemeLength(text []byte) int {
	for i, c := range text {
		switch {
		case c == ':':
			return i + 1
		case isLetter(c), i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		default:
			return 0
		}
	}
	return 0
}

// join appends the path that raw is, seen from here, decoded.
func (l location) join(raw, path []byte) ([]byte, bool) {
	if raw[0] != '/' {
		directory := l.path[:strings.LastIndexByte(l.path, '/')+1]
		for rest := directory[1:]; rest != ""; {
			segment, after, _ := strings.Cut(rest, "/")
			path, rest = appendSegment(path, []byte(segment)), after
		}
	} else {
		raw = raw[1:]
	}
	for {
		segment, rest, more := bytes.Cut(raw, []byte("/"))
		path = appendSegment(path, segment)
		if !more {
			if dots(segment) > 0 {
				path = append(path, '/')
			}
			break
		}
		raw = rest
	}
	return decodePath(path)
}

// appendSegment adds a segment, still encoded, and obeys one of dots.
func appendSegment(path, segment []byte) []byte {
	switch dots(segment) {
	case 1:
		return path
	case 2:
		return path[:max(bytes.LastIndexByte(path, '/'), 0)]
	}
	return append(append(path, '/'), segment...)
}

// dots is 1 for "." and 2 for "..", which may be percent-encoded.
func dots(segment []byte) int {
	count := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && foldEqual(segment[:3], "%2e"):
			segment = segment[3:]
		default:
			return 0
		}
		count++
	}
	if count > 2 {
		return 0
	}
	return count
}

// decodePath decodes in place. A slash or a backslash that is encoded is no path of a file, and neither is what cannot be
// decoded.
func decodePath(path []byte) ([]byte, bool) {
	decoded := path[:0]
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return nil, false
			}
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			if c == '/' {
				return nil, false
			}
			i += 2
		}
		if c == '\\' || c == 0 {
			return nil, false
		}
		decoded = append(decoded, c)
	}
	return decoded, true
}
