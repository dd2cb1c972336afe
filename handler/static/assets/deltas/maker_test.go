package deltas_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are two versions of a script.
func versions(name string) (pair deltas.Pair, source deltas.Source) {
	var from []byte
	for i := range 100 {
		sum := sha256.Sum256([]byte(name + strconv.Itoa(i)))
		from = append(append(from, hex.EncodeToString(sum[:])...), '\n')
	}
	to := append([]byte("// the next version\n"), from...)
	return deltas.Pair{From: sha256.Sum256(from), To: sha256.Sum256(to)},
		func(deltas.Pair) ([]byte, []byte, error) { return from, to, nil }
}

func newMaker(t *testing.T, config deltas.Config) *deltas.Maker {
	t.Helper()
	config.Now, config.Logger = time.Now, zap.NewNop()
	if config.Memory == 0 {
		config.Memory = 1 << 20
	}
	if config.Wait == 0 {
		config.Wait = testwait.Limit
	}
	m := deltas.NewMaker(config)
	t.Cleanup(m.Close)
	return m
}

// Requests for one delta at one time make it once.
func TestDeltaIsMadeOnce(t *testing.T) {
	t.Parallel()
	m := newMaker(t, deltas.Config{})
	pair, source := versions("a")
	var calls atomic.Int64
	counted := func(p deltas.Pair) ([]byte, []byte, error) { calls.Add(1); return source(p) }
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			if m.Get(context.Background(), pair, counted) == nil {
				t.Error("a request got no delta")
			}
		})
	}
	clients.Wait()
	if calls.Load() != 1 {
		t.Errorf("the contents were read %d times, want 1", calls.Load())
	}
	if m.Made(pair) == nil {
		t.Error("the delta is not held")
	}
}

// A request does not wait for a slow delta, and the number of deltas in the making is bounded.
func TestRequestsDoNotWait(t *testing.T) {
	t.Parallel()
	if deltas.DefaultWait > 10*time.Millisecond {
		t.Errorf("requests wait for %s, want at most 10 ms: a miss may cost 20 ms with the scheduler", deltas.DefaultWait)
	}
	m := newMaker(t, deltas.Config{Wait: time.Nanosecond})
	release := make(chan struct{})
	var calls atomic.Int64
	for i := range 200 {
		pair, source := versions(strconv.Itoa(i))
		slow := func(p deltas.Pair) ([]byte, []byte, error) { calls.Add(1); <-release; return source(p) }
		if m.Get(context.Background(), pair, slow) != nil {
			t.Fatal("a delta exists without its contents")
		}
	}
	close(release)
	m.Close()
	if got := calls.Load(); got > deltas.MaxPending {
		t.Errorf("%d deltas were begun, want at most %d", got, deltas.MaxPending)
	}
}

// Deltas in memory are bounded. The oldest is dropped first.
func TestMemoryOfDeltasIsBounded(t *testing.T) {
	t.Parallel()
	m := newMaker(t, deltas.Config{Memory: 10_000})
	var pairs []deltas.Pair
	for i := range 100 {
		pair, source := versions(strconv.Itoa(i))
		pairs = append(pairs, pair)
		if m.Get(context.Background(), pair, source) == nil {
			t.Fatalf("delta %d is not made", i)
		}
	}
	if m.Made(pairs[0]) != nil || m.Made(pairs[99]) == nil {
		t.Error("want the first delta dropped and the last one held")
	}
	held := 0
	for _, pair := range pairs {
		if m.Made(pair) != nil {
			held++
		}
	}
	if held == 0 || held > 20 {
		t.Errorf("%d deltas are held, want at most 20", held)
	}
}

// The difference between large versions is small, too, when a client asks for it first.
func TestDeltaOfLargeVersions(t *testing.T) {
	t.Parallel()
	m := newMaker(t, deltas.Config{})
	var from []byte
	for i := range 60_000 {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		from = fmt.Appendf(from, "export const value%d='%x';\n", i, sum[:12])
	}
	to := append([]byte("const release=2;\n"), from...)
	pair := deltas.Pair{From: sha256.Sum256(from), To: sha256.Sum256(to)}
	delta := m.Get(context.Background(), pair, func(deltas.Pair) ([]byte, []byte, error) { return from, to, nil })
	if delta == nil || len(delta.Bytes) > 1000 {
		t.Errorf("the delta of one line in %d bytes is %v, want at most 1000 bytes", len(to), delta != nil)
	}
}

// A delta that is not smaller is not sent, and not made again.
func TestDeltaThatDoesNotPay(t *testing.T) {
	t.Parallel()
	m := newMaker(t, deltas.Config{})
	var from, to []byte
	for i := range 100 {
		a, b := sha256.Sum256([]byte{byte(i)}), sha256.Sum256([]byte{byte(i), 1})
		from, to = append(from, a[:]...), append(to, b[:]...)
	}
	pair := deltas.Pair{From: sha256.Sum256(from), To: sha256.Sum256(to)}
	calls := 0
	for range 3 {
		if m.Get(context.Background(), pair, func(deltas.Pair) ([]byte, []byte, error) { calls++; return from, to, nil }) != nil {
			t.Error("a delta between different contents is sent")
		}
	}
	if calls != 1 {
		t.Errorf("the contents were read %d times, want 1", calls)
	}
}

// Missing contents are looked up again at the next request.
func TestGoneContentIsTriedAgain(t *testing.T) {
	t.Parallel()
	m := newMaker(t, deltas.Config{})
	pair, source := versions("a")
	if m.Get(context.Background(), pair, func(deltas.Pair) ([]byte, []byte, error) { return nil, nil, deltas.ErrGone }) != nil {
		t.Fatal("a delta without contents")
	}
	if m.Get(context.Background(), pair, source) == nil {
		t.Error("no delta when the contents are there")
	}
}

// A restarted process reads deltas from the archive. A damaged one is made again.
func TestArchivedDelta(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	open := func() *archive.Store {
		store := archive.New(archive.Config{Directory: directory, Now: time.Now, Keep: time.Hour, Size: 1 << 20})
		if err := store.Open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		return store
	}
	pair, source := versions("a")
	first := newMaker(t, deltas.Config{Archive: open()})
	made := first.Get(context.Background(), pair, source)
	first.Close() // writes to the archive
	restarted := newMaker(t, deltas.Config{Archive: open()})
	unused := func(deltas.Pair) ([]byte, []byte, error) { return nil, nil, errors.New("not archived") }
	if got := restarted.Get(context.Background(), pair, unused); got == nil || !bytes.Equal(got.Bytes, made.Bytes) {
		t.Fatal("the archive did not keep the delta")
	}
	blobs, err := filepath.Glob(filepath.Join(directory, "blobs", "*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("%d blobs, %v", len(blobs), err)
	}
	if err := os.WriteFile(blobs[0], bytes.Repeat([]byte("x"), len(made.Bytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	again := newMaker(t, deltas.Config{Archive: open()})
	if got := again.Get(context.Background(), pair, source); got == nil || !bytes.Equal(got.Bytes, made.Bytes) {
		t.Error("a damaged delta is not made again")
	}
}
