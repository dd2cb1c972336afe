package stamp

import (
	"bytes"
	"slices"
)

// Config configures a [Rewriter]. All functions must be safe for concurrent use.
type Config struct {
	// Prefixes are the URL paths below which files are served. Each begins and ends with a slash.
	Prefixes []string
	// VersionQuery are the query parameters that carry a version. The first one is written. Default: v.
	VersionQuery []string
	// Version returns the version of the file at a URL path. The path is decoded and below a prefix. A version consists of
	// letters, digits, "-", "_" and "." only. If ok is false, references to the file stay unchanged.
	Version func(path string) (version string, ok bool)
	// Integrity returns the integrity attribute for a script or a stylesheet without one. If ok is false, none is added. Nil adds
	// none.
	Integrity func(path string) (value string, ok bool)
	// IsRewritten reports whether a file has other bytes under its version than under its plain URL. An element with an integrity
	// attribute keeps the plain URL of such a file: the attribute, and a Content-Security-Policy, name the bytes on disk. Nil: no
	// file has.
	IsRewritten func(path string) bool
	// Styles is true if stylesheets are rewritten with [Rewriter.Style]. Pages then preload fonts with the same version as
	// the stylesheets.
	Styles bool
	// SheetUses reports whether the stylesheet at a URL path, as it is served with a version, refers to a file with a version, or
	// imports a stylesheet that does. Nil: none does.
	SheetUses func(sheet, path string) bool
	// Scripts is true if script files are rewritten with [Rewriter.Script].
	Scripts bool
	// Hosts are the other hosts that pages refer to, by name: in lower case, with the port unless that is a default port. The path of
	// a file of such a host, as the functions of the Config take it, begins with the name: `static.example.com/app.js`.
	Hosts map[string][]Host
	// Digest returns the version of the given bytes. Only [Rewriter.Files] calls it.
	Digest func(content []byte) string
}

// Host is a prefix of another host.
type Host struct {
	// Prefix is the URL path below which files are served. It begins and ends with a slash.
	Prefix string
	// VersionQuery and Styles are as in [Config].
	VersionQuery []string
	Styles       bool
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

// setServed sets what the files below the prefix of a reference have in common. It returns false if the reference is below no prefix.
func (r *Rewriter) setServed(ref *reference) bool {
	if ref.site == "" {
		ref.versionQuery, ref.styles = r.VersionQuery, r.Styles
		return slices.ContainsFunc(r.Prefixes, func(prefix string) bool { return bytes.HasPrefix(ref.path, []byte(prefix)) })
	}
	path, longest := ref.path[len(ref.site):], 0
	for _, host := range r.Hosts[ref.site] {
		if len(host.Prefix) > longest && bytes.HasPrefix(path, []byte(host.Prefix)) {
			longest, ref.versionQuery, ref.styles = len(host.Prefix), host.VersionQuery, host.Styles
		}
	}
	return longest > 0
}

func (r *Rewriter) isRewritten(path string) bool { return r.IsRewritten != nil && r.IsRewritten(path) }
