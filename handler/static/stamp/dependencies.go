package stamp

import (
	"maps"
	"slices"
)

// dependencyGroups puts files into groups, so that each group comes after the groups that it refers to. The files of a cycle are
// one group; each other file is a group of its own. References to files that are no keys are ignored.
func dependencyGroups(references map[string][]string) [][]string {
	s := componentSearch{references: references, nodes: make(map[string]*node, len(references))}
	for _, file := range slices.Sorted(maps.Keys(references)) {
		if s.nodes[file] == nil {
			s.visit(file)
		}
	}
	return s.groups
}

// componentSearch finds strongly connected components with Tarjan's algorithm. It finds a component after those that the component
// refers to.
type componentSearch struct {
	references map[string][]string
	nodes      map[string]*node
	stack      []string
	groups     [][]string
}

type node struct {
	index, low int
	onStack    bool
}

func (s *componentSearch) visit(file string) *node {
	n := &node{index: len(s.nodes), low: len(s.nodes), onStack: true}
	s.nodes[file] = n
	s.stack = append(s.stack, file)
	for _, child := range s.references[file] {
		if _, isFile := s.references[child]; !isFile {
			continue
		}
		switch c := s.nodes[child]; {
		case c == nil:
			n.low = min(n.low, s.visit(child).low)
		case c.onStack:
			n.low = min(n.low, c.index)
		}
	}
	if n.low == n.index {
		s.takeGroup(file)
	}
	return n
}

// takeGroup makes a group of the files on the stack, from the given file on.
func (s *componentSearch) takeGroup(file string) {
	first := len(s.stack) - 1
	for s.stack[first] != file {
		first--
	}
	group := slices.Clone(s.stack[first:])
	s.stack = s.stack[:first]
	for _, member := range group {
		s.nodes[member].onStack = false
	}
	slices.Sort(group)
	s.groups = append(s.groups, group)
}
