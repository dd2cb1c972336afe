package shared_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/scan2food/usher/handler/shared"
	"github.com/scan2food/usher/internal/testwait"
)

// Three nodes in one directory, by Caddy's own storage and in real time.
func TestNodesInADirectory(t *testing.T) {
	t.Parallel()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	var received atomic.Int32
	var nodes []*shared.Node
	for i := range 3 {
		ahead := time.Duration(i-1) * 2 * time.Minute
		n, err := shared.New(shared.Config{Prefix: "site", Name: "machine", Random: rand.Reader, Now: func() time.Time { return time.Now().Add(ahead) }})
		if err != nil {
			t.Fatal(err)
		}
		n.Use(storage, 0)
		n.Contribute(func(key *shared.Key, add func(shared.Count, int)) { add(key.Count(1, "chat", "client"), i+1) })
		n.Handle("close", func(payload []byte) {
			var text string
			if json.Unmarshal(payload, &text) == nil && text == "user 42" {
				received.Add(1)
			}
		})
		n.Start()
		t.Cleanup(n.Stop)
		nodes = append(nodes, n)
	}
	eventually(t, "each node counts the others", func() bool {
		for i, n := range nodes {
			if n.Key() == nil || n.Elsewhere(n.Key().Count(1, "chat", "client")) != 6-(i+1) {
				return false
			}
		}
		return true
	})
	for _, n := range nodes {
		if err := n.Publish("close", "user 42"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "each event reaches two nodes", func() bool { return received.Load() == 6 })
	for i := range 20 {
		var winners atomic.Int32
		var claims sync.WaitGroup
		for _, n := range nodes {
			claims.Go(func() {
				first, err := n.Claim(context.Background(), []byte{byte(i)}, time.Unix(2e9, 0))
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
			t.Errorf("claim %d has %d winners, want at most one", i, winners.Load())
		}
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testwait.Limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}
