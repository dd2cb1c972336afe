package gate

import (
	"net/url"
	"strings"
)

// maxParameters limits the parameters of a query: parsers of applications have limits, and differ in them.
const maxParameters = 1000

// parameters visits the parameters of a raw query in order, without allocating.
func parameters(query string, visit func(name, value string)) {
	for more := true; more; {
		var raw string
		raw, query, more = strings.Cut(query, "&")
		name, value, _ := strings.Cut(raw, "=")
		visit(name, value)
	}
}

// decodable reports whether all parsers agree on the query: every escape is complete, there is no semicolon, which some parsers
// take for a separator, and there are not too many parameters.
func decodable(query string) bool {
	if strings.IndexByte(query, ';') >= 0 || strings.Count(query, "&") >= maxParameters {
		return false
	}
	for i := 0; i < len(query); i++ {
		if query[i] != '%' {
			continue
		}
		if i+2 >= len(query) || !isHex(query[i+1]) || !isHex(query[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// decode returns the value that a form parser returns, or "" for an invalid escape.
func decode(escaped string) string {
	if strings.IndexByte(escaped, '%') < 0 && strings.IndexByte(escaped, '+') < 0 {
		return escaped
	}
	decoded, err := url.QueryUnescape(escaped)
	if err != nil {
		return ""
	}
	return decoded
}

// editQuery replaces each parameter of the query with the result of edit; ok=false drops the parameter and its separator. Every
// other byte stays unchanged.
func editQuery(query string, edit func(raw, name, value string) (replacement string, ok bool)) string {
	var edited strings.Builder
	changed, first := false, true
	for raw := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(raw, "=")
		replacement, ok := edit(raw, decode(name), decode(value))
		changed = changed || !ok || replacement != raw
		if !ok {
			continue
		}
		if !first {
			edited.WriteByte('&')
		}
		edited.WriteString(replacement)
		first = false
	}
	if !changed {
		return query
	}
	return edited.String()
}

// cookies visits the name=value pairs of Cookie header lines (RFC 6265, 4.2.1).
func cookies(lines []string, visit func(name, value string)) {
	for _, line := range lines {
		for len(line) > 0 {
			var raw string
			raw, line, _ = strings.Cut(line, ";")
			name, value, found := strings.Cut(strings.Trim(raw, " \t"), "=")
			if found {
				visit(strings.Trim(name, " \t"), strings.Trim(value, " \t"))
			}
		}
	}
}

// elements visits the trimmed elements of a comma-separated header over all its lines.
func elements(lines []string, visit func(element string)) {
	for _, line := range lines {
		for len(line) > 0 {
			var element string
			element, line, _ = strings.Cut(line, ",")
			if element = strings.Trim(element, " \t"); element != "" {
				visit(element)
			}
		}
	}
}
