package stamp

import (
	"encoding/binary"
	"slices"
)

// Kind is the language of a file.
type Kind byte

const (
	// StyleSheet is CSS.
	StyleSheet Kind = iota
	// JavaScript is a classic script or a module.
	JavaScript
)

// Source is a file that may refer to other files. Path is its URL path.
type Source struct {
	Path    string
	Kind    Kind
	Content []byte
}

// Stamped is a rewritten source.
type Stamped struct {
	// Content is the content of the source itself if nothing was rewritten.
	Content []byte
	// Version is the digest of Content. In a cycle it is the digest of all files of the cycle.
	Version string
	// InCycle is true if the file refers to itself, directly or through other files. Its version cannot be the digest of its
	// content, since the content holds the version.
	InCycle bool
}

// Files rewrites sources. The version of each source depends on the versions of the files that the source refers to. The Version
// function of the [Config] is called for files that are not among the sources. Sources should not include files whose name
// already holds a version, since the rewritten content would no longer match the name.
func (r *Rewriter) Files(sources []Source) map[string]Stamped {
	byPath := make(map[string]Source, len(sources))
	for _, source := range sources {
		byPath[source.Path] = source
	}
	references := make(map[string][]string, len(sources))
	for path, source := range byPath {
		references[path] = r.sourcesIn(source, byPath)
	}
	done := make(map[string]Stamped, len(sources))
	known := r.withVersions(func(path string) (string, bool) {
		if _, isSource := byPath[path]; isSource {
			stamped, ok := done[path]
			return stamped.Version, ok
		}
		return r.Version(path)
	})
	for _, group := range dependencyGroups(references) {
		if len(group) == 1 && !slices.Contains(references[group[0]], group[0]) {
			content := known.rewrite(byPath[group[0]])
			done[group[0]] = Stamped{Content: content, Version: r.Digest(content)}
			continue
		}
		known.rewriteCycle(group, byPath, done)
	}
	return done
}

// rewriteCycle gives all files of a cycle one version. The version is the digest of the files with all references stamped except
// those to files of the cycle.
func (r *Rewriter) rewriteCycle(cycle []string, sources map[string]Source, done map[string]Stamped) {
	var all []byte
	for _, path := range cycle {
		content := r.rewrite(sources[path])
		all = binary.AppendUvarint(append(append(all, path...), 0), uint64(len(content)))
		all = append(all, content...)
	}
	version := r.Digest(all)
	for _, path := range cycle {
		done[path] = Stamped{Version: version, InCycle: true}
	}
	for _, path := range cycle {
		done[path] = Stamped{Content: r.rewrite(sources[path]), Version: version, InCycle: true}
	}
}

func (r *Rewriter) rewrite(source Source) []byte {
	if source.Kind == StyleSheet {
		return r.Style(source.Content, source.Path)
	}
	return r.Script(source.Content, source.Path)
}

func (r *Rewriter) withVersions(version func(string) (string, bool)) *Rewriter {
	config := r.Config
	config.Version = version
	return New(config)
}

// sourcesIn returns the sources that a source refers to with a version.
func (r *Rewriter) sourcesIn(source Source, sources map[string]Source) []string {
	var found []string
	seen := make(map[string]bool)
	r.withVersions(func(path string) (string, bool) {
		if _, isSource := sources[path]; isSource && !seen[path] {
			seen[path] = true
			found = append(found, path)
		}
		return "", false
	}).rewrite(source)
	return found
}
