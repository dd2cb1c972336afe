package gate

import "strings"

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

// checkQuery returns the fault of a query in which parsers may find another credential than the gate: a parameter under one of the
// names holds an invalid escape or a semicolon, a semicolon hides such a name, or there are too many parameters. All other
// parameters may hold anything.
func checkQuery(query string, names func(name string) bool) (fault *Fault) {
	if strings.Count(query, "&") >= maxParameters {
		return &faultParameters
	}
	if !strings.ContainsAny(query, "%;") {
		return nil
	}
	for more := true; more && fault == nil; {
		var raw string
		raw, query, more = strings.Cut(query, "&")
		first := true
		for part := range strings.SplitSeq(raw, ";") {
			name, value, _ := strings.Cut(part, "=")
			if names(decode(name)) && (!first || strings.Contains(raw, ";") || !validEscapes(name) || !validEscapes(value)) {
				fault = &faultQuery
			}
			first = false
		}
	}
	return fault
}

// validEscapes reports whether every percent sign begins an escape.
func validEscapes(text string) bool {
	for i := range len(text) {
		if text[i] == '%' && !isEscape(text, i) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// decode returns the value that a form parser returns. An invalid escape stays as it is, as in Python and browsers.
func decode(escaped string) string {
	if strings.IndexByte(escaped, '+') >= 0 {
		escaped = strings.ReplaceAll(escaped, "+", " ")
	}
	return unescape(escaped)
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
			name, value, found := strings.Cut(trimBlanks(raw), "=")
			if found {
				visit(trimBlanks(name), trimBlanks(value))
			}
		}
	}
}

// trimBlanks removes spaces and tabs from both ends. strings.Trim takes several times as long.
func trimBlanks(text string) string {
	for text != "" && isBlank(text[0]) {
		text = text[1:]
	}
	for text != "" && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// elements visits the trimmed elements of a comma-separated header over all its lines.
func elements(lines []string, visit func(element string)) {
	for _, line := range lines {
		for len(line) > 0 {
			var element string
			element, line, _ = strings.Cut(line, ",")
			if element = trimBlanks(element); element != "" {
				visit(element)
			}
		}
	}
}

// withoutElements removes the elements of a line for which drop returns true. drop gets them trimmed. Every other byte stays
// unchanged, but for blanks at the start.
func withoutElements(line, separator string, drop func(element string) bool) string {
	elements := strings.Split(line, separator)
	kept := elements[:0:len(elements)]
	for _, element := range elements {
		if !drop(trimBlanks(element)) {
			kept = append(kept, element)
		}
	}
	if len(kept) == len(elements) {
		return line
	}
	return strings.TrimLeft(strings.Join(kept, separator), " \t")
}
