package stamp

import (
	"net/url"
	"strings"
)

// Link stamps the value of a Link header field (RFC 8288) of the page that is served at a URL. A preload must name the URL that
// the page requests, so it gets the same version. Parts of the value that cannot be parsed stay unchanged.
func (r *Rewriter) Link(value string, at *url.URL) string {
	var out strings.Builder
	var memory scratch
	location := r.locationOfPage(at)
	rest := value
	for {
		start := strings.IndexByte(rest, '<')
		if start < 0 {
			break
		}
		length := strings.IndexByte(rest[start:], '>')
		if length < 0 {
			break
		}
		target, after := rest[start+1:start+length], rest[start+length:]
		out.WriteString(rest[:start+1])
		parameters, _, _ := strings.Cut(after, "<")
		if loaded, isFont := isLoadedLink(parameters); loaded {
			if ref, ok := r.resolve([]byte(target), location, &memory); ok && (!isFont || ref.styles) {
				if e, ok := r.stampReference([]byte(target), ref, plainAmpersand, &memory); ok {
					target = target[:e.start] + string(e.with) + target[e.end:]
				}
			}
		}
		out.WriteString(target)
		rest = after
	}
	if out.Len() == 0 {
		return value
	}
	out.WriteString(rest)
	return out.String()
}

// isLoadedLink reports whether a link with these parameters names a file that pages request with a version, and whether the file is
// a font.
func isLoadedLink(parameters string) (loaded, isFont bool) {
	var isPreload, isStylesheet bool
	destination := ""
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " \t>,"), "=")
		value = strings.ToLower(strings.Trim(value, `"`))
		switch strings.ToLower(name) {
		case "rel":
			for rel := range strings.FieldsSeq(value) {
				isPreload = isPreload || rel == "preload" || rel == "prefetch"
				isStylesheet = isStylesheet || rel == "stylesheet"
			}
		case "as":
			destination = value
		}
	}
	return isStylesheet || isPreload && isStampable([]byte(destination)), destination == "font"
}
