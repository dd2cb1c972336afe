package shared

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

func TestClaimIsGoodOnceOnAllNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 2*time.Minute)
		wait(3 * time.Second)
		until := time.Now().Add(time.Minute)
		for _, c := range []struct {
			node *machine
			name string
			want bool
			why  string
		}{
			{a, "one", true, "the first use"},
			{b, "one", false, "another node had it"},
			{b, "two", true, "another name"},
			{a, "two", false, "another node had it"},
		} {
			got, err := c.node.Claim(t.Context(), []byte(c.name), until)
			if err != nil || got != c.want {
				t.Errorf("Claim(%s) = %t, %v, want %t (%s)", c.name, got, err, c.want, c.why)
			}
		}
	})
}

// A node that gives a claim up lets every node claim the name.
func TestUnclaimedNameIsFreeForAllNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 2*time.Minute)
		wait(3 * time.Second)
		until := time.Now().Add(time.Minute)
		for i, node := range []*machine{a, a, b, a} {
			if first, err := node.Claim(t.Context(), []byte("one"), until); !first || err != nil {
				t.Errorf("Claim %d = %t, %v, want the name", i, first, err)
			}
			if err := node.Unclaim(t.Context(), []byte("one"), until); err != nil {
				t.Error(err)
			}
		}
		if first, err := b.Claim(t.Context(), []byte("one"), until); !first || err != nil {
			t.Errorf("Claim = %t, %v, want the name", first, err)
		}
		if first, err := a.Claim(t.Context(), []byte("one"), until); first || err != nil {
			t.Errorf("Claim = %t, %v, want that the other node has the name", first, err)
		}
	})
}

func TestConcurrentClaimsHaveAtMostOneWinner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		var nodes []*machine
		for range 5 {
			nodes = append(nodes, join(t, &storage, "site", 0))
		}
		wait(3 * time.Second)
		for i := range 200 {
			var winners atomic.Int32
			var claims sync.WaitGroup
			for n, node := range nodes {
				node.link.SetDelay(time.Duration((i*7+n*3)%5) * time.Millisecond)
				claims.Go(func() {
					first, err := node.Claim(t.Context(), []byte{byte(i)}, time.Now().Add(time.Minute))
					if err != nil {
						t.Error(err)
					}
					if first {
						winners.Add(1)
					}
				})
			}
			claims.Wait()
			if winners.Load() > 1 {
				t.Fatalf("name %d has %d winners, want at most one", i, winners.Load())
			}
		}
	})
}

func TestClaimFailsWhileTheStorageIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := join(t, &storage, "site", 0)
		wait(time.Second)
		a.link.Set(errors.New("away"))
		if first, err := a.Claim(t.Context(), []byte("one"), time.Now().Add(time.Minute)); first || err == nil {
			t.Errorf("Claim = %t, %v, want an error", first, err)
		}
		a.link.Set(nil)
		if first, err := a.Claim(t.Context(), []byte("one"), time.Now().Add(time.Minute)); !first || err != nil {
			t.Errorf("Claim = %t, %v, want the first use", first, err)
		}
	})
}
