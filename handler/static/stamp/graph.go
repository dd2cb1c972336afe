package stamp

import (
	"slices"
	"strings"
)

// Whole tells which scripts can be named under the prefix of a generation: those whose whole graph is reached by it alone,
// so that none is loaded a second time under its plain URL. Links are by URL path. Where needed is false of all in a graph,
// their names being versions already, it stays as it is.
func Whole(links map[string]Links, needed func(path string) bool) map[string]bool {
	g := graph{parent: make(map[string]string, len(links)), bad: make(map[string]bool)}
	paths := make([]string, 0, len(links))
	for file, l := range links {
		if l.Unknown {
			return nil // it may import any of them
		}
		paths = append(paths, file)
		g.parent[file] = file
	}
	slices.Sort(paths)
	for _, file := range paths {
		g.connect(file, links[file], paths)
	}
	good, wanted := make(map[string]bool), make(map[string]bool)
	for _, file := range paths {
		root := g.root(file)
		wanted[root] = wanted[root] || needed(file)
		g.bad[root] = g.bad[root] || g.bad[file]
	}
	for _, file := range paths {
		if root := g.root(file); wanted[root] && !g.bad[root] {
			good[file] = true
		}
	}
	return good
}

// graph is a forest of sets (union-find): what is in one set is stamped together.
type graph struct {
	parent map[string]string
	bad    map[string]bool
}

func (g *graph) connect(file string, l Links, paths []string) {
	if l.Leaves || l.MayBeClassic {
		g.bad[file] = true
	}
	for _, child := range l.Inherits {
		g.join(file, child)
	}
	for _, child := range l.Imports {
		g.bad[child] = true
		g.join(file, child)
	}
	for _, child := range l.Names {
		g.bad[child] = true
	}
	for _, below := range l.InheritsBelow {
		eachBelow(paths, below, func(child string) { g.join(file, child) })
	}
	for _, below := range l.NamesBelow {
		eachBelow(paths, below, func(child string) { g.bad[child] = true })
	}
}

// eachBelow goes through the sorted paths that begin with a text.
func eachBelow(paths []string, beginning string, each func(string)) {
	first, _ := slices.BinarySearch(paths, beginning)
	for _, child := range paths[first:] {
		if !strings.HasPrefix(child, beginning) {
			return
		}
		each(child)
	}
}

func (g *graph) join(a, b string) {
	if _, known := g.parent[b]; known {
		g.parent[g.root(a)] = g.root(b)
	}
}

func (g *graph) root(file string) string {
	for g.parent[file] != file {
		g.parent[file] = g.parent[g.parent[file]]
		file = g.parent[file]
	}
	return file
}
