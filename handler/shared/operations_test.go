package shared

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

// A node writes one object a second, lists the nodes, and loads each of the others. It looks for events 2.5 times a second with
// one call. Everything else is rare.
func TestOperationsASecond(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{2, 10, 30} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage memorystorage.Storage
				for range nodes {
					m := join(t, &storage, "site", 0)
					for i := range 1000 {
						m.open(fmt.Sprint("client ", i), 1)
					}
				}
				wait(3 * time.Second)
				before := storage.Counts()
				const seconds = 20
				wait(seconds * time.Second)
				after := storage.Counts()
				perNode := func(operations int) float64 { return float64(operations) / seconds / float64(nodes) }
				operations := perNode(after.Operations() - before.Operations())
				if want := float64(nodes-1) + 2 + 2.5; operations > want*1.1 || operations < want*0.8 {
					t.Errorf("%.1f operations a second and node, want about %.1f", operations, want)
				}
				t.Logf("%d nodes: %.1f operations a second and node; bytes a second and node: %.0f written, %.0f read",
					nodes, operations, perNode(after.Written-before.Written), perNode(after.Read-before.Read))
			})
		})
	}
}

// A handshake looks up the counts of other nodes without a call to the storage.
func TestElsewhereDoesNotAllocate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		b.open("client", 4)
		wait(2*Period + time.Millisecond)
		before := storage.Counts()
		if got := testing.AllocsPerRun(100, func() { a.elsewhere("client") }); got != 0 {
			t.Errorf("%v allocations, want 0", got)
		}
		if storage.Counts() != before {
			t.Error("the storage was asked")
		}
	})
}

func BenchmarkElsewhere(b *testing.B) {
	key := newKey([32]byte{1})
	n := &Node{}
	n.key.Store(key)
	const machines, clients = 20, 50_000
	var all []counts
	for m := range machines - 1 {
		numbers := make(map[Count]uint32, clients)
		for i := range clients {
			numbers[key.Count('c', "chat", fmt.Sprint(m, i))] = 1
		}
		all = append(all, newCounts(numbers))
	}
	n.elsewhere.Store(&all)
	b.ReportAllocs()
	for b.Loop() {
		n.Elsewhere(n.Key().Count('c', "chat", "client"))
	}
}

func BenchmarkObject(b *testing.B) {
	numbers := make(map[Count]uint32)
	for i := range 50_000 {
		numbers[Count(i*2654435761)] = 1
	}
	b.ReportAllocs()
	for b.Loop() {
		o := object{Name: "machine", counts: newCounts(numbers)}
		encoded, err := o.encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := decodeObject(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// A question costs an additional round of the node that asks, and three operations for each answer, beside the lists of who answered.
func TestOperationsOfAQuestion(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{2, 10, 30} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage memorystorage.Storage
				var first *machine
				for range nodes {
					m := answering(t, join(t, &storage, "site", 0), "machine")
					if first == nil {
						first = m
					}
				}
				wait(3*time.Second + time.Millisecond)
				operations := func(f func()) (operations int) {
					before := storage.Counts()
					done := time.Now().Add(10 * time.Second)
					f()
					wait(time.Until(done))
					return storage.Counts().Operations() - before.Operations()
				}
				idle := operations(func() {})
				asking := operations(func() {
					if answers := ask(t, first, "hello"); len(answers) != nodes-1 {
						t.Errorf("%d answers, want %d", len(answers), nodes-1)
					}
				})
				round, lists := nodes+1, int(Period/askEvery)+1
				if most := round + lists + 3*(nodes-1); asking-idle > most {
					t.Errorf("%d operations for a question, want at most %d", asking-idle, most)
				}
				t.Logf("%d nodes: %d operations for a question", nodes, asking-idle)
			})
		})
	}
}
