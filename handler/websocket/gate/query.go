package gate

import (
	"net/url"
	"strings"
)

// maxParameters bounds the parameters of a query: Python and Go both stop reading at some number, each at its own.
const maxParameters = 1000

// parameters walks the parameters of a raw query, in their order, without allocating.
func parameters(query string, visit func(name, value string)) {
	for more := true; more; {
		var raw string
		raw, query, more = strings.Cut(query, "&")
		name, value, _ := strings.Cut(raw, "=")
		visit(name, value)
	}
}

// decodable reports whether every parser reads the query alike: each escape is whole, no semicolon stands in it (a
// separator to some and not to others), and there are not more parameters than any of them reads.
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

// decode is the value as a form parser reads it; "" if it cannot be decoded.
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

// editQuery returns the query with each parameter replaced by what edit makes of it; ok=false drops it with its
// separator. Every other byte stays as it was.
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

// cookies walks the name=value pairs of Cookie header lines (RFC 6265, 4.2.1), as they stand.
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

// elements walks the elements of a comma-separated header over all its lines, trimmed.
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
