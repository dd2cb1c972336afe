package keys

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// UnusedAfter is how long nobody has presented a key before it is called unused: a week holds every weekly task.
const UnusedAfter = 7 * 24 * time.Hour

// maxLastUses bounds a process that is given new keys for years. It is more than any file holds.
const maxLastUses = 1 << 16

// LastUse remembers when each key was last accepted. The zero value is empty and ready; it is safe for concurrent use.
// A request with a key that is known waits for no lock.
type LastUse struct {
	times    sync.Map // ID to *atomic.Int64, Unix nanoseconds
	addMutex sync.Mutex
	size     int // guarded by grow
}

// ID is what [LastUse] knows the key by.
func (k Key) ID() ID { return k.id }

// Touch notes that a key was accepted. Only accepted keys may be noted: nothing that strangers send may fill the memory.
func (l *LastUse) Touch(id ID, now time.Time) {
	last, known := l.times.Load(id)
	if !known {
		last = l.add(id, now)
	}
	storeLatest(last.(*atomic.Int64), now.UnixNano())
}

// storeLatest keeps the later time: requests that overtake each other must not turn a key older.
func storeLatest(last *atomic.Int64, now int64) {
	for {
		before := last.Load()
		if before >= now || last.CompareAndSwap(before, now) {
			return
		}
	}
}

func (l *LastUse) add(id ID, now time.Time) any {
	l.addMutex.Lock()
	defer l.addMutex.Unlock()
	first := new(atomic.Int64)
	first.Store(now.UnixNano())
	last, known := l.times.LoadOrStore(id, first)
	if known {
		return last
	}
	l.size++
	if l.size > maxLastUses {
		l.dropOldest(id)
	}
	return last
}

// dropOldest makes room for a new key.
func (l *LastUse) dropOldest(except ID) {
	var oldest any
	var least int64
	l.times.Range(func(id, last any) bool {
		at := last.(*atomic.Int64).Load()
		if id != except && (oldest == nil || at < least) {
			oldest, least = id, at
		}
		return true
	})
	l.times.Delete(oldest)
	l.size--
}

// Last is when a key was last accepted, if ever.
func (l *LastUse) Last(id ID) (time.Time, bool) {
	last, known := l.times.Load(id)
	if !known {
		return time.Time{}, false
	}
	return time.Unix(0, last.(*atomic.Int64).Load()), true
}

// UnusedWarning says that a key may go if nobody has presented it for [UnusedAfter]. Last is when it was last accepted, zero:
// never; since is from when on that would have been noticed, zero: it would not.
func UnusedWarning(label string, last, since, now time.Time) (string, bool) {
	if since.After(last) {
		last = since
	}
	if last.IsZero() || now.Sub(last) < UnusedAfter {
		return "", false
	}
	days := int(now.Sub(last) / (24 * time.Hour))
	return fmt.Sprintf("key %s: unused for %d days: safe to remove", label, days), true
}
