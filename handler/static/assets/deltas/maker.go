package deltas

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Config configures a [Maker].
type Config struct {
	// Memory is how many bytes of deltas are held in memory. The oldest are dropped.
	Memory int64
	// Archive keeps deltas on disk. Nil: deltas are in memory alone.
	Archive variants.Archive
	// Wait is how long a request waits for a delta that is not made yet. Default: [DefaultWait].
	Wait   time.Duration
	Now    func() time.Time
	Logger *zap.Logger
}

// DefaultWait is the default of [Config.Wait]. A miss may delay a response by 20 ms: the rest is for the scheduler.
const DefaultWait = 10 * time.Millisecond

// maxPending is how many deltas may be awaited. Further requests get the full coding.
const maxPending = 32

// Source reads the two contents of a pair.
type Source func(Pair) (from, to []byte, err error)

// ErrGone is the error of a [Source] whose content is gone or has changed. A later request may find it again.
var ErrGone = errors.New("the content is gone")

// Maker makes deltas, one at a time, and each once.
type Maker struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	worker chan struct{} // holds a value while a delta is made

	made sync.Map // Pair to *Delta, which is nil if the delta is not smaller than the content

	mutex   sync.Mutex
	pending map[Pair]chan struct{} // closed when the delta is made
	order   []Pair                 // of made, the oldest first
	size    int64                  // of made, in bytes
	failing bool                   // logged: the archive cannot be written
}

// NewMaker returns a maker. The caller must close it.
func NewMaker(config Config) *Maker {
	if config.Wait == 0 {
		config.Wait = DefaultWait
	}
	m := &Maker{config: config, worker: make(chan struct{}, 1), pending: make(map[Pair]chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// Close stops the making. Requests get no new delta.
func (m *Maker) Close() {
	m.mutex.Lock()
	m.cancel()
	m.mutex.Unlock()
	m.work.Wait()
}

// Made returns a delta that is made already, or nil.
func (m *Maker) Made(pair Pair) *Delta {
	made, _ := m.made.Load(pair)
	delta, _ := made.(*Delta)
	return delta
}

// MadeTo returns the deltas to a version that are held in memory, the smallest first.
func (m *Maker) MadeTo(to Digest) (held []*Delta) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, pair := range m.order {
		if delta := m.Made(pair); delta != nil && pair.To == to {
			held = append(held, delta)
		}
	}
	slices.SortStableFunc(held, func(a, b *Delta) int { return cmp.Compare(len(a.Bytes), len(b.Bytes)) })
	return held
}

// Size returns the number of deltas that are held in memory, and their bytes.
func (m *Maker) Size() (count int, bytes int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, pair := range m.order {
		if delta := m.Made(pair); delta != nil {
			count++
			bytes += int64(len(delta.Bytes))
		}
	}
	return count, bytes
}

// Get returns a delta. It makes the delta if it is not made yet, and waits for it for a short time. It returns nil if the delta
// takes longer, does not pay, or cannot be made.
func (m *Maker) Get(ctx context.Context, pair Pair, source Source) *Delta {
	if made, found := m.made.Load(pair); found {
		return made.(*Delta)
	}
	done := m.begin(pair, source, zstd.SpeedDefault)
	if done == nil {
		return nil
	}
	timer := time.NewTimer(m.config.Wait)
	defer timer.Stop()
	select {
	case <-done:
		return m.Made(pair)
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// Prepare makes a delta before it is requested, better compressed. It returns when the delta is made.
func (m *Maker) Prepare(ctx context.Context, pair Pair, source Source) {
	if _, found := m.made.Load(pair); found {
		return
	}
	if done := m.begin(pair, source, zstd.SpeedBetterCompression); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

// begin makes a delta in the background, unless that is under way. It returns nil if too many are under way.
func (m *Maker) begin(pair Pair, source Source, level zstd.EncoderLevel) (done <-chan struct{}) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if pending := m.pending[pair]; pending != nil {
		return pending
	}
	if len(m.pending) >= maxPending || m.ctx.Err() != nil {
		return nil
	}
	pending := make(chan struct{})
	m.pending[pair] = pending
	m.work.Go(func() {
		select {
		case m.worker <- struct{}{}:
			defer func() { <-m.worker }()
		case <-m.ctx.Done():
			m.finish(pair)
			return
		}
		encoded, isNew := m.make(pair, source, level)
		m.finish(pair) // no request waits for the disk
		if isNew {
			m.store(pair, encoded)
		}
	})
	return pending
}

func (m *Maker) finish(pair Pair) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	close(m.pending[pair])
	delete(m.pending, pair)
}

// make holds a delta in memory, from the archive or new. No bytes mean that the delta does not pay.
func (m *Maker) make(pair Pair, source Source, level zstd.EncoderLevel) (encoded []byte, isNew bool) {
	if encoded, found := m.stored(pair); found {
		m.put(pair, encoded)
		return nil, false
	}
	from, to, err := source(pair)
	if err != nil {
		return nil, false
	}
	encoded, err = encode(pair, from, to, level)
	if err != nil {
		m.config.Logger.Error("cannot make delta", zap.Error(err))
		return nil, false
	}
	if int64(len(encoded)) > int64(len(to))*8/10 {
		encoded = nil
	}
	m.put(pair, encoded)
	return encoded, true
}

// cost is what a delta takes beside its bytes, in bytes.
const cost = 512

// put holds a delta in memory. No bytes mean that it does not pay.
func (m *Maker) put(pair Pair, encoded []byte) {
	var delta *Delta
	if len(encoded) > 0 {
		delta = newDelta(pair, encoded)
	}
	if _, loaded := m.made.LoadOrStore(pair, delta); loaded {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.order = append(m.order, pair)
	m.size += cost + int64(len(encoded))
	for m.size > m.config.Memory && len(m.order) > 0 {
		oldest := m.order[0]
		m.order = m.order[1:]
		m.size -= cost
		if dropped := m.Made(oldest); dropped != nil {
			m.size -= int64(len(dropped.Bytes))
		}
		m.made.Delete(oldest)
	}
}

// stored reads a delta from the archive. A body of another dictionary, or a damaged one, is not used.
func (m *Maker) stored(pair Pair) (encoded []byte, found bool) {
	if m.config.Archive == nil {
		return nil, false
	}
	content, found := m.config.Archive.Get(pair.place())
	if !found {
		return nil, false
	}
	defer content.Close()
	encoded, err := io.ReadAll(io.LimitReader(content, MaxSize+1))
	if err != nil || int64(len(encoded)) != content.Size {
		return nil, false
	}
	if len(encoded) == 0 {
		return nil, true
	}
	return encoded, bytes.HasPrefix(encoded, magic) && len(encoded) > len(magic)+sha256.Size &&
		bytes.Equal(encoded[len(magic):len(magic)+sha256.Size], pair.From[:])
}

// place is where the archive keeps a delta.
func (p Pair) place() (name, version string) {
	return hex.EncodeToString(p.To[:]), Encoding[0] + " " + hex.EncodeToString(p.From[:])
}

// store keeps a delta in the archive, if there is room.
func (m *Maker) store(pair Pair, encoded []byte) {
	if m.config.Archive == nil {
		return
	}
	name, version := pair.place()
	err := m.config.Archive.PutSparing(name, version, bytes.NewReader(encoded), m.config.Now().Add(-time.Hour))
	if errors.Is(err, archive.ErrFull) || errors.Is(err, archive.ErrTooLarge) {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err != nil && !m.failing {
		m.config.Logger.Warn("cannot archive deltas; keeping them in memory", zap.Error(err))
	}
	m.failing = err != nil
}
