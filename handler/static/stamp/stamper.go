package stamp

import "slices"

// Config is what a [Stamper] is made of. All functions must be safe for concurrent use.
type Config struct {
	// Prefixes are the URL paths below which assets are served. Each begins and ends with a slash.
	Prefixes []string
	// VersionQuery are the words of a query that carry a version. The first is the one that is written. Default: v.
	VersionQuery []string
	// Version is the version of the bytes that a URL path (decoded, below a prefix) is answered with. It consists of letters,
	// digits, "-", "_" and "." only. Not ok leaves the reference as it is: no such file, or its name is a version already.
	Version func(path string) (version string, ok bool)
	// Integrity is the value that the attribute of a script or a stylesheet ought to have; present is the one it has, or "".
	// Not ok leaves it. Nil leaves all. See [Pins].
	Integrity func(path, present string) (value string, ok bool)
	// Styles says that style sheets are rewritten, with [Stamper.Style]: pages preload fonts as these ask for them.
	Styles bool
	// Scripts says that script files are rewritten, with [Stamper.Script].
	Scripts bool
	// Digest is the version of the given bytes; [Stamper.Files] alone needs it.
	Digest func(content []byte) string
}

// Stamper gives references the version of what they refer to. It is safe for concurrent use.
type Stamper struct{ Config }

// New makes a Stamper.
func New(config Config) *Stamper {
	if len(config.VersionQuery) == 0 {
		config.VersionQuery = []string{"v"}
	}
	config.Prefixes = slices.Clone(config.Prefixes)
	config.VersionQuery = slices.Clone(config.VersionQuery)
	return &Stamper{config}
}

// serves reports whether a path is a prefix, or below one.
func (s *Stamper) serves(path []byte) bool {
	for _, prefix := range s.Prefixes {
		if len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
