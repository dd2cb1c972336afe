package promises

import (
	"bytes"
	"testing"
	"time"
)

// Two machines that exchange what Unshared returns know the same promises, and then share nothing any more.
func TestMachinesExchangePromises(t *testing.T) {
	t.Parallel()
	clock, fileOfB := &clock{at: noon}, newFile(t)
	a, b := open(t, newFile(t), clock), open(t, fileOfB, clock)
	one, two := promise("x.js", "", "one"), promise("x.js", "", "two")
	add(t, a, one)
	add(t, b, two)
	fromA, fromB := a.Unshared(), b.Unshared()
	for _, exchange := range []struct {
		store       *Store
		mine, other []byte
	}{{a, fromA, fromB}, {b, fromB, fromA}} {
		exchange.store.MarkShared(exchange.mine)
		if fresh, err := exchange.store.Merge(exchange.other); !fresh || err != nil {
			t.Errorf("merging: fresh %v, %v", fresh, err)
		}
		if fresh, err := exchange.store.Merge(exchange.other); fresh || err != nil {
			t.Errorf("merging again: fresh %v, %v", fresh, err)
		}
		if lines := exchange.store.Unshared(); len(lines) > 0 {
			t.Errorf("%q is left to share", lines)
		}
		if !exchange.store.HasOther("x.js", "", digestOf("one")) || !exchange.store.HasOther("x.js", "", digestOf("two")) {
			t.Error("a promise is not known")
		}
	}
	if again := open(t, fileOfB, clock); !again.Has(one) {
		t.Error("after a restart the other machine's promise is forgotten")
	}
}

// Machines that give the same promises on a day share equal lines, so that the storage holds them once.
func TestMachinesShareEqualLines(t *testing.T) {
	t.Parallel()
	clock := &clock{at: noon}
	var lines [][]byte
	for range 2 {
		s := open(t, newFile(t), clock)
		add(t, s, promise("x.js", "", "one"), promise("y.js", "", "two"))
		lines = append(lines, s.Unshared())
		clock.advance(5 * time.Hour)
	}
	if !bytes.Equal(lines[0], lines[1]) {
		t.Errorf("%q and %q", lines[0], lines[1])
	}
}

// A promise that is given again after a month is shared again, so that it does not expire on other machines.
func TestRenewedPromiseIsSharedAgain(t *testing.T) {
	t.Parallel()
	clock := &clock{at: noon}
	s, p := open(t, newFile(t), clock), promise("x.js", "", "one")
	add(t, s, p)
	s.MarkShared(s.Unshared())
	clock.advance(renewAfter + 48*time.Hour)
	add(t, s, p)
	if len(s.Unshared()) == 0 {
		t.Error("it is not shared again")
	}
}
