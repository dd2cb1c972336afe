package lifecycle

import (
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestPerServerKeepsServersApart(t *testing.T) {
	t.Parallel()
	var set PerServer[string]
	first, second := new(caddyhttp.Server), new(caddyhttp.Server)
	set.Add(first, "a")
	set.Add(second, "b")
	set.Add(first, "c")
	set.Add(nil, "d")
	set.Remove(first, "absent")
	set.Remove(second, "a")
	if got := slices.Collect(set.Of(first)); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("Of(first) = %q, want a and c in the order of Add", got)
	}
	set.Remove(first, "a")
	if got := slices.Collect(set.Of(first)); !slices.Equal(got, []string{"c"}) {
		t.Errorf("Of(first) = %q, want c after a was removed", got)
	}
	if got := slices.Collect(set.All()); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Errorf("All() = %q, want b, c and d", got)
	}
}

func TestPerServerAddDuringIteration(t *testing.T) {
	t.Parallel()
	var set PerServer[int]
	set.Add(nil, 1)
	for value := range set.All() {
		set.Add(nil, value+1)
	}
	if got := slices.Collect(set.All()); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("All() = %v, want the iteration to see the set as it was", got)
	}
}
