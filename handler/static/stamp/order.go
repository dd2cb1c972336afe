package stamp

import (
	"maps"
	"slices"
)

// Order puts files into groups so that each comes after those it refers to. Files that refer to each other in a circle
// are one group; all others are groups of one. References to what is no key are not followed.
func Order(references map[string][]string) [][]string {
	o := order{references: references, nodes: make(map[string]*node, len(references))}
	for _, file := range slices.Sorted(maps.Keys(references)) {
		if o.nodes[file] == nil {
			o.visit(file)
		}
	}
	return o.groups
}

// order is Tarjan's search for strongly connected components. They come out in the order of their dependence.
type order struct {
	references map[string][]string
	nodes      map[string]*node
	stack      []string
	groups     [][]string
}

type node struct {
	index, low int
	onStack    bool
}

func (o *order) visit(file string) *node {
	n := &node{index: len(o.nodes), low: len(o.nodes), onStack: true}
	o.nodes[file] = n
	o.stack = append(o.stack, file)
	for _, child := range o.references[file] {
		if _, known := o.references[child]; !known {
			continue
		}
		switch c := o.nodes[child]; {
		case c == nil:
			n.low = min(n.low, o.visit(child).low)
		case c.onStack:
			n.low = min(n.low, c.index)
		}
	}
	if n.low == n.index {
		o.take(file)
	}
	return n
}

// take makes a group of what is on the stack from file on.
func (o *order) take(file string) {
	first := len(o.stack) - 1
	for o.stack[first] != file {
		first--
	}
	group := slices.Clone(o.stack[first:])
	o.stack = o.stack[:first]
	for _, member := range group {
		o.nodes[member].onStack = false
	}
	slices.Sort(group)
	o.groups = append(o.groups, group)
}
