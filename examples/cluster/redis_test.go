package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	storageredis "github.com/pberkel/caddy-storage-redis"
	"github.com/redis/go-redis/v9"

	"github.com/scan2food/usher/handler/shared"
)

// startRedis starts a Redis that keeps nothing on disk, and returns its port.
func startRedis(t *testing.T) string {
	t.Helper()
	if os.Getenv("USHER_E2E") != "1" {
		t.Skip("needs redis-server and two minutes: set USHER_E2E=1")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	eventually(t, "Redis is up", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return port
}

// connect returns a storage with its own connections, as each Caddy has.
func connect(t *testing.T, port string) *storageredis.RedisStorage {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	storage := storageredis.New()
	storage.Host, storage.Port, storage.Timeout = []string{"127.0.0.1"}, []string{port}, "2"
	if err := storage.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = storage.Cleanup() })
	return storage
}

// cuttable is the storage of one node, which can be cut off.
type cuttable struct {
	certmagic.Storage
	cut atomic.Bool
}

var errCut = errors.New("cut off")

func (c *cuttable) Load(ctx context.Context, key string) ([]byte, error) {
	if c.cut.Load() {
		return nil, errCut
	}
	return c.Storage.Load(ctx, key)
}

func (c *cuttable) Store(ctx context.Context, key string, value []byte) error {
	if c.cut.Load() {
		return errCut
	}
	return c.Storage.Store(ctx, key, value)
}

func (c *cuttable) Delete(ctx context.Context, key string) error {
	if c.cut.Load() {
		return errCut
	}
	return c.Storage.Delete(ctx, key)
}

func (c *cuttable) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	if c.cut.Load() {
		return nil, errCut
	}
	return c.Storage.List(ctx, prefix, recursive)
}

// machine is a node with its own clock. It counts one socket, and answers questions with its name.
type machine struct {
	*shared.Node
	storage cuttable
	ahead   atomic.Int64
	heard   atomic.Int64
}

func join(t *testing.T, storage certmagic.Storage, ahead time.Duration) *machine {
	t.Helper()
	m := new(machine)
	m.storage.Storage = storage
	m.ahead.Store(int64(ahead))
	var err error
	m.Node, err = shared.New(shared.Config{
		Prefix: "site", Name: "machine", Random: rand.Reader,
		Now: func() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Use(&m.storage, 0)
	m.Contribute(func(key *shared.Key, add func(shared.Count, int)) { add(key.Count('c', "chat", "client"), 1) })
	m.Handle("close", func([]byte) { m.heard.Add(1) })
	m.Answer("name", func([]byte) (any, error) { return m.Self().ID, nil })
	m.Prepare(t.Context())
	m.Start()
	t.Cleanup(m.Stop)
	return m
}

func (m *machine) elsewhere() int {
	if m.Key() == nil {
		return 0
	}
	return m.Elsewhere(m.Key().Count('c', "chat", "client"))
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

// Nodes whose clocks are minutes apart act as one, over Redis as on one machine.
func TestClocksOfMachinesMayDiffer(t *testing.T) {
	t.Parallel()
	port := startRedis(t)
	var machines []*machine
	for _, ahead := range []time.Duration{0, 2 * time.Minute, -2 * time.Minute} {
		machines = append(machines, join(t, connect(t, port), ahead))
	}
	eventually(t, "each counts the others", func() bool {
		return !slices.ContainsFunc(machines, func(m *machine) bool { return m.elsewhere() != 2 })
	})
	for i, m := range machines {
		if err := m.Publish("close", "user 42"); err != nil {
			t.Fatal(err)
		}
		answers, err := m.Ask(t.Context(), "name", nil)
		if err != nil || len(answers) != 2 {
			t.Errorf("machine %d: answers %s, %v, want two", i, answers, err)
		}
		for j, claims := range machines {
			first, err := claims.Claim(t.Context(), []byte{byte(i)}, time.Now().Add(time.Minute))
			if err != nil || first != (j == 0) {
				t.Errorf("machine %d claims %d: %t, %v, want %t", j, i, first, err, j == 0)
			}
		}
	}
	eventually(t, "each hears the others once", func() bool {
		return !slices.ContainsFunc(machines, func(m *machine) bool { return m.heard.Load() != 2 })
	})
}

// Half of the nodes are killed. An hour later nothing of the hundred is in Redis.
func TestHundredMachinesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	port := startRedis(t)
	storage := connect(t, port)
	stays := join(t, storage, 0)
	eventually(t, "the storage is reached", stays.Reached)
	const together, times = 10, 10
	for batch := range times {
		var machines []*machine
		for i := range together {
			machines = append(machines, join(t, connect(t, port), time.Duration(i%5-2)*time.Minute))
		}
		eventually(t, "all machines know each other", func() bool {
			return stays.elsewhere() >= together && !slices.ContainsFunc(machines, func(m *machine) bool { return m.elsewhere() < together })
		})
		for i, m := range machines {
			if err := m.Publish("close", "user 42"); err != nil {
				t.Fatal(err)
			}
			if first, err := m.Claim(t.Context(), fmt.Appendf(nil, "%d %d", batch, i), time.Now().Add(time.Minute)); err != nil || !first {
				t.Errorf("Claim = %t, %v, want the first use", first, err)
			}
		}
		if answers, err := stays.Ask(t.Context(), "name", nil); err != nil || len(answers) < together {
			t.Errorf("%d answers, %v, want %d", len(answers), err, together)
		}
		eventually(t, "all events are heard", func() bool { return stays.heard.Load() == int64((batch+1)*together) })
		for i, m := range machines {
			m.storage.cut.Store(i%2 == 0) // killed
			m.Stop()
		}
	}
	stays.ahead.Store(int64(2 * time.Hour))
	want := []string{"site/key", "site/nodes/" + stays.Self().ID}
	var left []string
	eventually(t, "the rest of all machines is removed", func() bool {
		var err error
		left, err = storage.List(t.Context(), "site", true)
		slices.Sort(left)
		return err == nil && slices.Equal(left, want)
	})
	if all := keysOf(t, storage); len(all) != 5 { // the two, and the index of their three directories
		t.Errorf("Redis has the keys %q, want two objects and three directories", all)
	}
}

func keysOf(t *testing.T, storage *storageredis.RedisStorage) []string {
	t.Helper()
	keys, err := storage.GetClient().(redis.UniversalClient).Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// What Redis has to bear with nodes that are idle. The module makes several commands of an operation.
func TestCommandsASecond(t *testing.T) {
	for _, nodes := range []int{2, 10, 30} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			port := startRedis(t)
			storage := connect(t, port)
			var machines []*machine
			for range nodes {
				machines = append(machines, join(t, connect(t, port), 0))
			}
			eventually(t, "each counts the others", func() bool {
				return !slices.ContainsFunc(machines, func(m *machine) bool { return m.elsewhere() != nodes-1 })
			})
			before := statsOf(t, storage)
			time.Sleep(10 * time.Second)
			after := statsOf(t, storage)
			per := func(name string) float64 { return (after[name] - before[name]) / 10 }
			commands := per("total_commands_processed")
			t.Logf("%d nodes: %.0f commands, %.0f bytes written, %.0f bytes read a second", nodes, commands,
				per("total_net_input_bytes"), per("total_net_output_bytes"))
			if most := float64(nodes) * float64(nodes+12); commands > most {
				t.Errorf("%.0f commands a second, want at most %.0f", commands, most)
			}
		})
	}
}

func statsOf(t *testing.T, storage *storageredis.RedisStorage) map[string]float64 {
	t.Helper()
	info, err := storage.GetClient().(redis.UniversalClient).Info(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	stats := make(map[string]float64)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		var number float64
		if json.Unmarshal([]byte(value), &number) == nil {
			stats[name] = number
		}
	}
	return stats
}
