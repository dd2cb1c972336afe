package assets

import (
	"net/http"
	"strings"
	"time"
)

// Condition is what the preconditions of a request say about a representation (RFC 9110, 13.2.2).
type Condition uint8

const (
	// Proceed: answer as if there were no precondition.
	Proceed Condition = iota
	// NotModified: 304.
	NotModified
	// Failed: 412.
	Failed
)

// Validators are what the preconditions of a request are compared with.
type Validators struct {
	ETag         string    // strong, quoted
	LastModified time.Time // whole seconds; zero: none is known
}

// Evaluate applies the preconditions of a GET or HEAD in the order of RFC 9110, 13.2.2. If-Range is not among them: it
// decides about the Range alone, see [RangeApplies].
func Evaluate(h http.Header, v Validators) Condition {
	if list, found := h["If-Match"]; found {
		if !MatchStrong(list, v.ETag) {
			return Failed
		}
	} else if date := h.Get("If-Unmodified-Since"); date != "" {
		if since, ok := parseDate(date); ok && !v.LastModified.IsZero() && v.LastModified.After(since) {
			return Failed
		}
	}
	if list, found := h["If-None-Match"]; found {
		if MatchWeak(list, v.ETag) {
			return NotModified
		}
		return Proceed // If-Modified-Since is ignored beside it (RFC 9110, 13.1.3)
	}
	if date := h.Get("If-Modified-Since"); date != "" && sameDate(date, v.LastModified) {
		return NotModified
	}
	return Proceed
}

// RangeApplies reports whether the Range of a request is to be honoured: always, but where If-Range names another
// version than the current one (RFC 9110, 13.1.5: strong comparison, or the very date).
func RangeApplies(h http.Header, v Validators) bool {
	values, found := h["If-Range"]
	if !found {
		return true
	}
	if len(values) != 1 {
		return false
	}
	value := trimSpace(values[0])
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "W/") {
		return value == v.ETag
	}
	return sameDate(value, v.LastModified)
}

// MatchStrong reports whether a list of entity tags (If-Match) holds this one, by the strong comparison of RFC 9110,
// 8.8.3.2. `*` matches every representation that exists.
func MatchStrong(list []string, etag string) bool {
	for tag := range entityTags(list) {
		if tag == "*" || tag == etag {
			return true
		}
	}
	return false
}

// MatchWeak reports whether a list of entity tags (If-None-Match) holds this one, by the weak comparison: a proxy on
// the way may have weakened ours.
func MatchWeak(list []string, etag string) bool {
	for tag := range entityTags(list) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// entityTags yields the entity tags of a list header, with their W/ and quotes; `*` where it stands alone. At the first
// byte that fits neither it stops: what comes after cannot be told apart.
func entityTags(values []string) func(yield func(tag string) bool) {
	return func(yield func(string) bool) {
		for _, value := range values {
			if trimSpace(value) == "*" {
				if len(values) == 1 {
					yield("*")
				}
				return
			}
			for {
				value = strings.TrimLeft(value, ", \t")
				if value == "" {
					break
				}
				end := entityTagLength(value)
				if end == 0 {
					return
				}
				if !yield(value[:end]) {
					return
				}
				value = strings.TrimLeft(value[end:], " \t")
				if value != "" && value[0] != ',' {
					return
				}
			}
		}
	}
}

// entityTagLength returns how many bytes of s are an entity tag (RFC 9110, 8.8.3): 0 where it opens with none.
func entityTagLength(s string) int {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s) <= start || s[start] != '"' {
		return 0
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c < 0x21 || c == 0x7f:
			return 0
		}
	}
	return 0
}

// sameDate reports whether an HTTP date is that of the representation. Not "no later than": after a rollback the file
// is older than the copy that the client holds, and is still another file.
func sameDate(date string, modified time.Time) bool {
	if modified.IsZero() {
		return false
	}
	given, ok := parseDate(date)
	return ok && given.Equal(modified)
}

func parseDate(date string) (time.Time, bool) {
	t, err := http.ParseTime(date)
	return t, err == nil
}
