package tunnel

import (
	"testing"
	"time"
)

// TestOneGoroutineInspects empties and refills a set. The first inspecting goroutine must inspect nothing more, even if its tick comes
// first.
func TestOneGoroutineInspects(t *testing.T) {
	t.Parallel()
	p := NewSet(time.Hour)
	first, second := new(tunnel), new(tunnel)
	p.add(first)
	before := p.stop
	if got, _ := p.takeBatch(nil, before); len(got) != 1 || got[0] != first {
		t.Errorf("the first goroutine inspects %d tunnels, want the first", len(got))
	}
	p.remove(first)
	p.add(second)
	if got, _ := p.takeBatch(nil, before); len(got) != 0 {
		t.Errorf("the earlier goroutine inspects %d tunnels, want none", len(got))
	}
	if got, _ := p.takeBatch(nil, p.stop); len(got) != 1 || got[0] != second {
		t.Errorf("the later goroutine inspects %d tunnels, want the second", len(got))
	}
	p.remove(second)
}
