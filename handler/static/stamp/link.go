package stamp

import (
	"net/url"
	"strings"
)

// Link is the value of a Link header field (RFC 8288) of the page that is served at a URL, with the versions of what it
// preloads: what is preloaded must be asked for under the URL that the page names. What it cannot read stays.
func (s *Stamper) Link(value string, at *url.URL) string {
	var out strings.Builder
	var memory scratch
	location := locationOf(at)
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
		edit, ok := edit{}, false
		if s.linkLoads(parametersOf(after)) {
			edit, ok = s.stamp([]byte(target), location, plainAmpersand, &memory)
		}
		if ok {
			target = target[:edit.start] + string(edit.with) + target[edit.end:]
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

// parametersOf is what stands between a target and the next one.
func parametersOf(after string) string {
	parameters, _, _ := strings.Cut(after, "<")
	return parameters
}

// linkLoads reports a link that names what pages ask for under a version.
func (s *Stamper) linkLoads(parameters string) bool {
	var preload, stylesheet bool
	destination := ""
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " \t>,"), "=")
		value = strings.ToLower(strings.Trim(value, `"`))
		switch strings.ToLower(name) {
		case "rel":
			for word := range strings.FieldsSeq(value) {
				preload = preload || word == "preload" || word == "prefetch"
				stylesheet = stylesheet || word == "stylesheet"
			}
		case "as":
			destination = value
		}
	}
	return stylesheet || preload && s.preloads([]byte(destination))
}
