package shared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	pending  []byte // a segment that is not written for certain, nil for none
	segments []segment
	last     uint64 // number of the last segment
	head     head   // the head in the storage, zero for none
	seen     map[string]uint64
	looked   bool // skipEvents or a look has succeeded
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

// runLog writes and reads events. Errors are left to the rounds to report: they use the same storage.
func (n *Node) runLog() {
	for {
		every := time.Duration(n.every.Load())
		_ = n.look(n.ctx)
		_ = n.publishAll(n.ctx)
		_ = n.tidyOwn(n.ctx)
		timer := time.NewTimer(every)
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

// publishAll publishes the events that wait now. Those that come meanwhile may wait for the next call, to be fewer segments.
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

// publish writes one segment, if events wait. A segment that may have been read is never changed: after an error the same bytes
// are written again.
func (n *Node) publish(ctx context.Context) error {
	l := &n.log
	if l.pending == nil {
		if err := n.takeQueue(); err != nil || l.pending == nil {
			return err
		}
	}
	if err := n.store.Store(ctx, segmentPath(n.id, l.last), l.pending); err != nil {
		return err
	}
	now := n.config.Now()
	first := l.last
	if len(l.segments) > 0 {
		first = l.segments[0].number
	}
	written := head{n.id, first, l.last, minuteOf(now)}
	if err := n.store.Store(ctx, written.path(), []byte{'1'}); err != nil {
		return err
	}
	old := l.head
	l.segments = append(l.segments, segment{l.last, now})
	l.pending, l.head, l.flushed = nil, written, time.Now()
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
	sealed, err := encodeEvents(key, events)
	if err != nil {
		return err
	}
	l.last++
	l.pending = sealed
	return nil
}

// look reads the heads of all nodes with one call, and the new segments. The events of the segments that were read take effect
// also if others cannot be read.
func (n *Node) look(ctx context.Context) error {
	if n.Key() == nil {
		return nil // without the key nothing can be read; the first round gets it
	}
	names, err := n.store.list(ctx, headsPath, 1) // there may be no heads yet, and the next look is soon
	if err != nil {
		return err
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
		sealed, err := n.store.Load(ctx, segmentPath(h.node, number))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return events, err
		}
		n.log.seen[h.node] = number
		if err != nil {
			continue // it has expired
		}
		read, err := decodeEvents(n.Key(), sealed)
		if err != nil {
			n.unreadable(err)
			continue
		}
		events = append(events, read...)
	}
	return events, nil
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
