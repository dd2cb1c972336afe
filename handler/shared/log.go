package shared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

const (
	headsPath = "heads"
	logPath   = "log"
	// retention is how long events stay in the storage for nodes that were away.
	retention = time.Hour
	// skew is how far the clocks of two nodes may be apart. It only makes events stay longer.
	skew = 10 * time.Minute
	// maxQueue and maxSegment are the most events that wait for the storage, and that one segment holds.
	maxQueue   = 1 << 16
	maxSegment = 5000
)

func segmentPath(node string, number uint64) string {
	return fmt.Sprintf("%s/%s.%d", logPath, node, number)
}

// log holds the events. A node writes each of its segments once, and then its head. Events that wait are in the queue.
type log struct {
	mutex sync.Mutex
	queue []event
	wake  chan struct{}

	// Only the goroutine of the log changes the fields below.
	pending  []byte  // a segment that is not written for certain, nil for none
	events   []event // of pending
	sealedBy *Key    // of pending
	segments []segment
	last     uint64 // number of the last segment
	head     head   // the head in the storage, zero for none
	seen     map[string]uint64
	doubtful bool // the storage was away or has lost something, and may have another key since
	looked   bool // the heads were read once, by skipEvents or look
	flushed  time.Time
}

type segment struct {
	number  uint64
	written time.Time
}

func (l *log) init() {
	l.wake = make(chan struct{}, 1)
	l.seen = make(map[string]uint64)
}

// Publish sends an event to the other nodes. It returns at once. The event waits while the storage is away. An error means that
// too many events wait, and this one is dropped.
func (n *Node) Publish(kind string, payload any) error {
	encoded, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	n.log.mutex.Lock()
	defer n.log.mutex.Unlock()
	if len(n.log.queue) >= maxQueue {
		return errors.New("too many events wait for the storage")
	}
	n.log.queue = append(n.log.queue, event{kind, n.config.Now().UnixMilli(), encoded})
	select {
	case n.log.wake <- struct{}{}:
	default:
	}
	return nil
}

// runLog reads and writes events, once every lookEvery. Errors are left to the rounds to report: they use the same storage.
func (n *Node) runLog() {
	for {
		every := n.lookEvery()
		timer := time.NewTimer(every)
		_ = n.look(n.ctx)
		_ = n.publishAll(n.ctx)
		_ = n.tidyOwn(n.ctx)
		select {
		case <-n.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			continue
		case <-n.log.wake:
		}
		if wait := every - time.Since(n.log.flushed); wait > 0 { // many events are one segment
			select {
			case <-n.ctx.Done():
				timer.Stop()
				return
			case <-time.After(wait):
			}
		}
		timer.Stop()
	}
}

// publishAll publishes the events that wait now. Events that come meanwhile may wait for the next call, which makes fewer segments.
func (n *Node) publishAll(ctx context.Context) error {
	n.log.mutex.Lock()
	waiting := (len(n.log.queue) + maxSegment - 1) / maxSegment
	n.log.mutex.Unlock()
	if n.log.pending != nil {
		waiting++
	}
	for range waiting {
		if err := n.publish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publish writes one segment, if events wait. A segment that may have been read is never changed: after an error the same events
// are written again.
func (n *Node) publish(ctx context.Context) error {
	l := &n.log
	if l.pending == nil {
		if err := n.takeQueue(); err != nil || l.pending == nil {
			return err
		}
	}
	if l.doubtful {
		if err := n.compareKey(ctx); err != nil {
			return err
		}
		l.doubtful = false
	}
	if key := n.Key(); key != l.sealedBy { // the others have the new key
		if err := l.seal(key); err != nil {
			return err
		}
	}
	if err := n.hedgedStore(ctx, segmentPath(n.id, l.last), l.pending); err != nil {
		return err
	}
	now := n.config.Now()
	first := l.last
	if len(l.segments) > 0 {
		first = l.segments[0].number
	}
	written := head{n.id, first, l.last, minuteOf(now)}
	if err := n.hedgedStore(ctx, written.path(), []byte{'1'}); err != nil {
		return err
	}
	old := l.head
	l.segments = append(l.segments, segment{l.last, now})
	l.pending, l.events, l.head, l.flushed = nil, nil, written, time.Now()
	if old.node != "" && old != written {
		return n.store.Delete(ctx, old.path())
	}
	return nil
}

// takeQueue makes the next segment of the events that wait.
func (n *Node) takeQueue() error {
	l, key := &n.log, n.Key()
	if key == nil {
		return nil
	}
	l.mutex.Lock()
	events := l.queue[:min(len(l.queue), maxSegment)]
	l.queue = l.queue[len(events):]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	l.mutex.Unlock()
	if len(events) == 0 {
		return nil
	}
	l.last++
	l.events = events
	return l.seal(key)
}

// seal encrypts the events of the pending segment.
func (l *log) seal(key *Key) (err error) {
	l.pending, err = encodeEvents(key, l.events)
	l.sealedBy = key
	return err
}

// look reads the heads of all nodes with one call, and the new segments. The events of the segments that were read take effect
// also if others cannot be read.
func (n *Node) look(ctx context.Context) error {
	if n.Key() == nil {
		return nil // without the key nothing can be read; the first round gets it
	}
	names, err := hedge(ctx, n.lookEvery(), func(ctx context.Context) ([]string, error) {
		return n.store.list(ctx, headsPath, 1) // there may be no heads yet, and the next look is soon
	})
	if err != nil {
		n.log.doubtful = true
		return err
	}
	if own := n.log.head; own.node != "" && !slices.Contains(names, own.name()) {
		n.log.doubtful = true
	}
	first := !n.log.looked
	n.log.looked = true
	var events []event
	for _, h := range latest(names) {
		if h.node == n.id || n.log.seen[h.node] >= h.last {
			continue
		}
		if first && h.minute < minuteOf(n.started.Add(-skew)) {
			n.log.seen[h.node] = h.last // older than every socket of this node
			continue
		}
		read, readErr := n.readSegments(ctx, h)
		events, err = append(events, read...), errors.Join(err, readErr)
	}
	sortEvents(events)
	for _, e := range events {
		if e.At >= n.started.Add(-skew).UnixMilli() {
			n.dispatch(e)
		}
	}
	return err
}

// skipEvents takes the events so far as seen.
func (n *Node) skipEvents(ctx context.Context) {
	names, err := n.store.List(ctx, headsPath)
	if err != nil {
		return // the first look reads those since the start
	}
	for _, h := range latest(names) {
		n.log.seen[h.node] = h.last
	}
	n.log.looked = true
}

// readSegments reads the segments of a node that were not read yet. It stops at an error, to read the rest with the next look.
func (n *Node) readSegments(ctx context.Context, h head) (events []event, err error) {
	for number := max(n.log.seen[h.node]+1, h.first); number <= h.last; number++ {
		sealed, err := n.hedgedLoad(ctx, segmentPath(h.node, number))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return events, err
		}
		if err != nil {
			n.log.seen[h.node] = number // it has expired
			continue
		}
		read, err := n.decode(sealed)
		if err != nil { // the key may have changed
			if err := n.compareKey(ctx); err != nil {
				return events, err
			}
			read, err = n.decode(sealed)
		}
		n.log.seen[h.node] = number
		if err != nil {
			n.unreadable(err)
			continue
		}
		events = append(events, read...)
	}
	return events, nil
}

// decode decrypts events with the key, or with the one before: a storage that was emptied may hold the key of another node, while
// some nodes do not know it yet.
func (n *Node) decode(sealed []byte) ([]event, error) {
	events, err := decodeEvents(n.Key(), sealed)
	if previous := n.previousKey.Load(); err != nil && previous != nil {
		if events, previousErr := decodeEvents(previous, sealed); previousErr == nil {
			return events, nil
		}
	}
	return events, err
}

func (n *Node) dispatch(e event) {
	n.mutex.Lock()
	handlers := n.handlers
	n.mutex.Unlock()
	for _, h := range handlers {
		if h.kind == e.Kind {
			h.handle(e.Payload)
		}
	}
}
