package admin

import (
	"maps"
	"slices"
)

// Endpoints returns the methods of each endpoint.
func Endpoints() map[string][]string {
	all := make(map[string][]string)
	for name, methods := range endpoints {
		all[name] = slices.Sorted(maps.Keys(methods))
	}
	return all
}
