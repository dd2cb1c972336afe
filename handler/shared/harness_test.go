package shared

import (
	"crypto/rand"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

// machine is a node of a test, with its own link to the storage and its own clock.
type machine struct {
	*Node
	link memorystorage.Link

	mutex  sync.Mutex
	counts map[string]int // by name
	events []string
	health []error
}

// join starts a machine whose clock is ahead by some time.
func join(t *testing.T, storage *memorystorage.Storage, prefix string, ahead time.Duration) *machine {
	t.Helper()
	m := &machine{link: memorystorage.Link{Storage: storage}, counts: make(map[string]int)}
	var err error
	m.Node, err = New(Config{
		Prefix: prefix, Name: "machine", Random: rand.Reader,
		Now:    func() time.Time { return time.Now().Add(ahead) },
		Health: func(err error) { m.change(func() { m.health = append(m.health, err) }) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Use(&m.link, 0)
	m.Contribute(func(key *Key, add func(Count, int)) {
		m.change(func() {
			for name, number := range m.counts {
				add(key.Count('c', "chat", name), number)
			}
		})
	})
	m.Handle("close", func(payload []byte) {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			t.Error(err)
		}
		m.change(func() { m.events = append(m.events, text) })
	})
	m.Prepare(t.Context())
	m.Start()
	t.Cleanup(func() {
		m.link.Resume()
		m.Stop()
	})
	return m
}

func (m *machine) change(f func()) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	f()
}

func (m *machine) open(name string, number int) { m.change(func() { m.counts[name] = number }) }

func (m *machine) received() (events []string) {
	m.change(func() { events = append(events, m.events...) })
	return events
}

func (m *machine) reports() (health []error) {
	m.change(func() { health = append(health, m.health...) })
	return health
}

// elsewhere returns what the other nodes count under a name.
func (m *machine) elsewhere(name string) int { return m.Elsewhere(m.Key().Count('c', "chat", name)) }

// wait lets the time of the test pass.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
