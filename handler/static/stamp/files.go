package stamp

import (
	"encoding/binary"
	"slices"
)

// Kind is what a file is, as far as references are concerned.
type Kind byte

const (
	// StyleSheet is CSS.
	StyleSheet Kind = iota
	// JavaScript is a classic script or a module.
	JavaScript
)

// Source is a file that may refer to others. Path is its URL path.
type Source struct {
	Path    string
	Kind    Kind
	Content []byte
}

// Stamped is what a source is served as.
type Stamped struct {
	// Content is what was given where nothing was rewritten.
	Content []byte
	// Version is the digest of Content, but where Circle is set: then it is a digest of all that is in the circle.
	Version string
	// Circle: the file is in a circle of references, or refers to itself. Its version cannot be the digest of bytes that
	// hold the version.
	Circle bool
}

// Files rewrites sources so that a file's version covers what it refers to. Version of the [Config] is asked for what is
// no source. A file whose name is a version already is best left out: its bytes would no longer be those it names.
func (s *Stamper) Files(sources []Source) map[string]Stamped {
	byPath := make(map[string]Source, len(sources))
	for _, source := range sources {
		byPath[source.Path] = source
	}
	references := make(map[string][]string, len(sources))
	for path, source := range byPath {
		references[path] = s.referencesTo(source, byPath)
	}
	done := make(map[string]Stamped, len(sources))
	known := s.withVersions(func(path string) (string, bool) {
		if _, is := byPath[path]; is {
			stamped, ok := done[path]
			return stamped.Version, ok
		}
		return s.Version(path)
	})
	for _, group := range Order(references) {
		if len(group) == 1 && !slices.Contains(references[group[0]], group[0]) {
			content := known.rewrite(byPath[group[0]])
			done[group[0]] = Stamped{Content: content, Version: s.Digest(content)}
			continue
		}
		known.circle(group, byPath, done)
	}
	return done
}

// circle gives all members one version, made of their bytes with everything stamped but the members themselves.
func (s *Stamper) circle(group []string, sources map[string]Source, done map[string]Stamped) {
	var all []byte
	for _, path := range group {
		content := s.rewrite(sources[path])
		all = binary.AppendUvarint(append(append(all, path...), 0), uint64(len(content)))
		all = append(all, content...)
	}
	version := s.Digest(all)
	for _, path := range group {
		done[path] = Stamped{Version: version, Circle: true}
	}
	for _, path := range group {
		done[path] = Stamped{Content: s.rewrite(sources[path]), Version: version, Circle: true}
	}
}

func (s *Stamper) rewrite(source Source) []byte {
	if source.Kind == StyleSheet {
		return s.Style(source.Content, source.Path)
	}
	return s.Script(source.Content, source.Path)
}

func (s *Stamper) withVersions(version func(string) (string, bool)) *Stamper {
	config := s.Config
	config.Version = version
	return New(config)
}

// referencesTo are the sources that a file names with a version.
func (s *Stamper) referencesTo(source Source, sources map[string]Source) []string {
	var found []string
	s.withVersions(func(path string) (string, bool) {
		if _, is := sources[path]; is && !slices.Contains(found, path) {
			found = append(found, path)
		}
		return "", false
	}).rewrite(source)
	return found
}

// Child is an asset that a script refers to.
type Child struct {
	Path string
	// How is "starts" for workers, "imports" for modules and "loads" for other resources.
	How string
}

// Children are the assets that a script refers to, as far as they have versions: those that stay without one where
// scripts are not rewritten. A reference that names a version already is not among them.
func (s *Stamper) Children(source Source) []Child {
	var children []Child
	var memory scratch
	at := locationOf(pathURL(source.Path))
	for _, l := range literals(source.Content) {
		text := source.Content[l.start:l.end]
		relative := text[0] != '/' && schemeLength(text) == 0
		if relative && l.kind == workerLiteral || l.kind == importLiteral && !isSpecifier(text) {
			continue
		}
		ref, ok := s.refer(text, at, &memory)
		if !ok {
			continue
		}
		child := Child{string(ref.path), l.how()}
		_, _, versioned := s.versionWord(text, ref)
		if _, ok := s.Version(child.Path); ok && !versioned && !slices.Contains(children, child) {
			children = append(children, child)
		}
	}
	return children
}

func (l literal) how() string {
	switch {
	case l.kind == workerLiteral, l.worker != noWorker:
		return "starts"
	case l.kind == importLiteral:
		return "imports"
	default:
		return "loads"
	}
}
