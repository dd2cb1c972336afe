package tree

import "testing"

// Regular expressions match nothing as patterns, and a pattern that matches everything would freeze files that change.
func TestPatternsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern     string
		valid, some bool
		why         string
	}{
		{"/static/vendor/*", true, true, "a directory"},
		{"*.woff2", true, true, "an extension"},
		{"app.*.js", true, true, "a star within a name"},
		{"/static/[a-f]*.js", true, true, "a class of characters"},
		{"/static/c++.pdf", true, true, "signs that names have"},
		{"/static/a(1).png", true, true, "signs that names have"},
		{"*", true, false, "every file"},
		{"/*", true, false, "every file"},
		{"**", true, false, "every file"},
		{"*.*", true, false, "every file with a dot"},
		{"*.?*", true, false, "every file with a dot"},
		{"", false, false, "nothing"},
		{"vendor/*", false, false, "no URL path begins so"},
		{"[", false, false, "not closed"},
		{`\.js$`, false, false, "a regular expression"},
		{`^/static/`, false, false, "a regular expression"},
		{`~*\.(js|css)`, false, false, "nginx's way to write one"},
		{`.+-[0-9a-f]{8}.js`, false, false, "a regular expression"},
		{`(?i)a.js`, false, false, "a regular expression"},
	} {
		if err := (Patterns{c.pattern}).Check(); (err == nil) != c.valid {
			t.Errorf("%q: %v, want valid: %t (%s)", c.pattern, err, c.valid, c.why)
		}
		if err := (Patterns{c.pattern}).CheckSome(); (err == nil) != c.some {
			t.Errorf("immutable or hide %q: %v, want valid: %t (%s)", c.pattern, err, c.some, c.why)
		}
	}
}
