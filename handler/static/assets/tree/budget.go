package tree

import "slices"

// heldInMemory chooses the files whose bytes are held in memory: those first whose references may be rewritten, since that
// takes their bytes, and then the small ones, of which the most fit. A part of the memory is for compressed forms.
func heldInMemory(entries []entry, memory int64) []bool {
	memory -= memory / variantShare
	order := make([]int, 0, len(entries))
	for i := range entries {
		if !entries[i].hidden && entries[i].identity.size <= maxInMemory {
			order = append(order, i)
		}
	}
	refers := make([]bool, len(entries))
	for i := range entries {
		refers[i] = mayRefer(entries[i].path)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case refers[a] && !refers[b]:
			return -1
		case refers[b] && !refers[a]:
			return 1
		default:
			return int(entries[a].identity.size - entries[b].identity.size)
		}
	})
	held := make([]bool, len(entries))
	for _, i := range order {
		if memory -= entries[i].identity.size; memory < 0 {
			break
		}
		held[i] = true
	}
	return held
}
