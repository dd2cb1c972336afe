package stamp

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// maxReference is the length of the longest URL that is stamped.
const maxReference = 4 << 10

// location is the base URL of references.
type location struct {
	host string // the host of this site without a default port, or "" if unknown
	path string // percent-encoded, begins with a slash
	// site is the host of path if that is one of hosts, and "" for this site.
	site  string
	hosts map[string][]Host // other hosts, see Config.Hosts
	// foreign is true if a base element names another site, or a URL that cannot be parsed.
	foreign bool
	// namesHost is true if a base element names the host of this site. Its scheme may still make it another origin.
	namesHost bool
}

func locationOf(u *url.URL) location {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/"
	}
	return location{host: withoutDefaultPort(u.Host), path: path}
}

// locationOfPage is the location of references that may name other hosts.
func (r *Rewriter) locationOfPage(u *url.URL) location {
	at := locationOf(u)
	at.hosts = r.Hosts
	return at
}

// locationOfFile is the location of references in a file. The path of a file of another host begins with the host.
func locationOfFile(path string) location {
	start := max(strings.IndexByte(path, '/'), 0)
	at := locationOf(&url.URL{Path: path[start:]})
	at.site = path[:start]
	return at
}

// withoutDefaultPort removes the default ports of both schemes. The scheme of a page is unknown if a proxy ends TLS.
func withoutDefaultPort(host string) string {
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

// reference is a parsed URL of this site, or of another host.
type reference struct {
	site string // the other host, or ""
	path []byte // decoded, without dot segments; begins with the other host
	// versionQuery and styles are those of the files below the prefix, see Config.
	versionQuery []string
	styles       bool
	// The positions of the path in the text, and of the end of the query. The query includes its question mark.
	pathStart, pathEnd, queryEnd int
}

// resolve parses a URL as browsers do (URL Standard, 4.4). It returns false for URLs of other sites, and for unusual spellings,
// such as backslashes and line ends within a URL. The path of the reference uses the memory of scratch.
func (l location) resolve(text, scratch []byte) (reference, bool) {
	if len(text) > maxReference {
		return reference{}, false
	}
	start, end := trim(text)
	pathStart, site, ok := l.skipHost(text[start:end])
	if !ok {
		return reference{}, false
	}
	ref := reference{site: site, pathStart: start + pathStart, queryEnd: end}
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
	ref.path, ok = l.join(raw, scratch[:0])
	if site != "" {
		ref.path = append([]byte(site), ref.path...)
	}
	return ref, ok
}

// withBase returns the location after a base element with the given href.
func (l location) withBase(text []byte) location {
	start, end := trim(text)
	text = text[start:end]
	foreign := location{host: l.host, hosts: l.hosts, path: "/", foreign: true}
	start, site, ok := l.skipHost(text)
	if !ok || len(text) > maxReference || bytes.ContainsAny(text, "\t\n\r") {
		return foreign
	}
	l.site, l.namesHost = site, start > 0
	path := text[start:]
	if end := bytes.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	switch {
	case bytes.IndexByte(path, '\\') >= 0:
		return foreign
	case len(path) > 0 && path[0] == '/':
		l.path = string(path)
	case len(path) > 0:
		l.path = l.path[:strings.LastIndexByte(l.path, '/')+1] + string(path)
	case l.namesHost:
		l.path = "/"
	}
	return l
}

// trim returns the bounds of a URL without the surrounding spaces and C0 controls.
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

// skipHost returns where the path begins, and the other host if the URL is of one. It returns false if the URL names an unknown host
// or another kind of scheme.
func (l location) skipHost(text []byte) (pathStart int, site string, ok bool) {
	hostStart, namesHost := 0, bytes.HasPrefix(text, []byte("//"))
	if scheme := schemeLength(text); scheme > 0 {
		name := text[:scheme]
		if !ascii.EqualFold(name, "http:") && !ascii.EqualFold(name, "https:") || !bytes.HasPrefix(text[scheme:], []byte("//")) {
			return 0, "", false
		}
		hostStart, namesHost = scheme, true
	}
	if !namesHost {
		return 0, l.site, !l.foreign
	}
	hostStart += len("//")
	length := bytes.IndexAny(text[hostStart:], "/?#\\")
	if length < 0 {
		length = len(text) - hostStart
	}
	end := hostStart + length
	if length == 0 || length > 255 || end < len(text) && text[end] == '\\' {
		return 0, "", false
	}
	switch host := withoutDefaultPort(string(text[hostStart:end])); {
	case host == l.host && host != "":
		return end, "", true
	case l.hosts[host] != nil:
		return end, host, true
	default:
		return end, "", false
	}
}

// schemeLength returns the length of a URL's scheme with its colon, or 0.
func schemeLength(text []byte) int {
	for i, c := range text {
		switch {
		case c == ':':
			return i + 1
		case ascii.IsLetter(c), i > 0 && (ascii.IsDigit(c) || c == '+' || c == '-' || c == '.'):
		default:
			return 0
		}
	}
	return 0
}

// join appends the decoded path of a URL to path. A relative path starts at the directory of the location.
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

// appendSegment appends an encoded segment, or applies a dot segment.
func appendSegment(path, segment []byte) []byte {
	switch dots(segment) {
	case 1:
		return path
	case 2:
		return path[:max(bytes.LastIndexByte(path, '/'), 0)]
	}
	return append(append(path, '/'), segment...)
}

// dots returns 1 for ".", 2 for ".." and 0 for other segments. Dots may be percent-encoded.
func dots(segment []byte) int {
	count := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && ascii.EqualFold(segment[:3], "%2e"):
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

// decodePath decodes a path in place. It returns false for invalid encodings, and for paths that no file can have: with an encoded
// slash, a backslash or a NUL.
func decodePath(path []byte) ([]byte, bool) {
	decoded := path[:0]
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) || !ascii.IsHex(path[i+1]) || !ascii.IsHex(path[i+2]) {
				return nil, false
			}
			c = ascii.Unhex(path[i+1])<<4 | ascii.Unhex(path[i+2])
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
