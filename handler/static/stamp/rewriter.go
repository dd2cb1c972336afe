package stamp

import "slices"

// Config configures a [Rewriter]. All functions must be safe for concurrent use.
type Config struct {
	// Prefixes are the URL paths below which files are served. Each begins and ends with a slash.
	Prefixes []string
	// VersionQuery are the query parameters that carry a version. The first one is written. Default: v.
	VersionQuery []string
	// Version returns the version of the file at a URL path. The path is decoded and below a prefix. A version consists of
	// letters, digits, "-", "_" and "." only. If ok is false, references to the file stay unchanged.
	Version func(path string) (version string, ok bool)
	// Integrity returns the integrity attribute for a script or a stylesheet, given the present attribute or "". If ok is
	// false, the attribute stays unchanged. Nil changes no integrity attribute. See [Pins].
	Integrity func(path, present string) (value string, ok bool)
	// Styles is true if stylesheets are rewritten with [Rewriter.Style]. Pages then preload fonts with the same version as
	// the stylesheets.
	Styles bool
	// SheetUses reports whether the stylesheet at a URL path, as it is served with a version, refers to a file with a version, or
	// imports a stylesheet that does. Nil: none does.
	SheetUses func(sheet, path string) bool
	// Scripts is true if script files are rewritten with [Rewriter.Script].
	Scripts bool
	// Digest returns the version of the given bytes. Only [Rewriter.Files] calls it.
	Digest func(content []byte) string
}

// Rewriter adds versions to references. It is safe for concurrent use.
type Rewriter struct{ Config }

// New makes a Rewriter.
func New(config Config) *Rewriter {
	if len(config.VersionQuery) == 0 {
		config.VersionQuery = []string{"v"}
	}
	config.Prefixes = slices.Clone(config.Prefixes)
	config.VersionQuery = slices.Clone(config.VersionQuery)
	return &Rewriter{config}
}

// isServed reports whether a path is a prefix or below a prefix.
func (r *Rewriter) isServed(path []byte) bool {
	for _, prefix := range r.Prefixes {
		if len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
