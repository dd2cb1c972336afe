package keys

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// UnusedAfter is how long a key must be unused before it is reported. A week includes every weekly task.
const UnusedAfter = 7 * 24 * time.Hour

// maxLastUses bounds the memory of a process that gets new keys for years. No keys file holds so many keys.
const maxLastUses = 1 << 16

// LastUse records when each key was last accepted. The zero value is ready. It is safe for concurrent use. Requests with a
// recorded key take no lock.
type LastUse struct {
	times    sync.Map // ID to *atomic.Int64, Unix nanoseconds
	addMutex sync.Mutex
	size     int // guarded by addMutex
}

// ID identifies the key in [LastUse].
func (k Key) ID() ID { return k.id }

// Touch records that a key was accepted. Callers must record accepted keys only, since clients could otherwise fill the memory.
func (l *LastUse) Touch(id ID, now time.Time) {
	last, known := l.times.Load(id)
	if !known {
		last = l.add(id, now)
	}
	storeLatest(last.(*atomic.Int64), now.UnixNano())
}

// storeLatest keeps the later time, since requests may overtake each other.
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

// Last returns when a key was last accepted, if it was.
func (l *LastUse) Last(id ID) (time.Time, bool) {
	last, known := l.times.Load(id)
	if !known {
		return time.Time{}, false
	}
	return time.Unix(0, last.(*atomic.Int64).Load()), true
}

// UnusedWarning returns a message if no client has used the key for [UnusedAfter]. last is when the key was last accepted; zero
// means never. since is when recording started; zero means that nothing was recorded.
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
