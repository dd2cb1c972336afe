package versions_test

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/static/versions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a storage that counts its operations, and fails or hangs on demand.
type memory struct {
	mutex   sync.Mutex
	objects map[string][]byte
	loads   map[string]int
	stores  map[string]int
	lists   int
	err     error
	hang    chan struct{} // closed: operations go on
}

func newMemory() *memory {
	return &memory{objects: map[string][]byte{}, loads: map[string]int{}, stores: map[string]int{}}
}

var errAway = errors.New("storage is away")

func (m *memory) begin(ctx context.Context) error {
	m.mutex.Lock()
	err, hang := m.err, m.hang
	m.mutex.Unlock()
	if hang != nil {
		<-hang
	}
	return err
}

func (m *memory) fail(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.err = err
}

func (m *memory) Load(ctx context.Context, key string) ([]byte, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.loads[key]++
	value, found := m.objects[key]
	if !found {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(value), nil
}

func (m *memory) Store(ctx context.Context, key string, value []byte) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.stores[key]++
	m.objects[key] = slices.Clone(value)
	return nil
}

func (m *memory) Delete(ctx context.Context, key string) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *memory) List(ctx context.Context, directory string) ([]string, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.lists++
	var names []string
	for key := range m.objects {
		if rest, below := strings.CutPrefix(key, directory+"/"); below {
			name, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// keys returns the keys of a kind, such as blobs.
func (m *memory) keys(kind string) []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var keys []string
	for key := range m.objects {
		if path.Base(path.Dir(key)) == kind {
			keys = append(keys, key)
		}
	}
	return keys
}

func (m *memory) count(counts map[string]int, kind string) (total int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for key, n := range counts {
		if path.Base(path.Dir(key)) == kind {
			total += n
		}
	}
	return total
}

func (m *memory) listed() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.lists
}

// clock is a time that a test sets.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
}

func newStore(storage versions.Storage, now func() time.Time) *versions.Store {
	return versions.New(versions.Config{
		Storage: storage, Directory: "assets/site-static", Keep: 72 * time.Hour, Size: 64 << 20, Now: now,
	})
}
