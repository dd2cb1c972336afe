package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Status is the validity of a secret on a route.
type Status uint8

// The statuses. The zero value is the safe one.
const (
	// Unknown means that the ring has no such key.
	Unknown Status = iota
	// Good means a valid key of the route.
	Good
	// Expired means a key of the route outside its validity period.
	Expired
	// OtherRoute means a key of other routes only.
	OtherRoute
)

// CheckResult is the result of checking a secret.
type CheckResult struct {
	Status Status
	// Label and ID of the key. Zero if it is unknown.
	Label string
	ID    ID
	// Until is when the key ends. Zero: never.
	Until time.Time
}

// Ring holds all keys of a gate, by route. It is immutable and safe for concurrent use.
type Ring struct {
	entries []entry
	digests []routeDigest // of the entries
	routes  map[string]int
	names   []string // of the routes

	// for Find
	patterns      map[window][]pattern // by window
	windows       windowSet
	hasDigestOnly bool // some keys have no patterns
}

type entry struct {
	route int
	key   Key
}

// routeDigest is what Check compares of an entry. It stands apart from the entry, which is several cache lines long.
type routeDigest struct {
	digest digestWords
	route  int32
}

// digestWords is a digest as four machine words, so that a comparison of a hundred digests takes 0.2 microseconds.
type digestWords [4]uint64

func newDigestWords(digest [sha256.Size]byte) (w digestWords) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(digest[8*i:])
	}
	return w
}

// equal returns 1 if the digests are equal, else 0, in constant time. It is crypto/subtle's comparison by words.
func (w *digestWords) equal(other *digestWords) int {
	difference := w[0] ^ other[0] | w[1] ^ other[1] | w[2] ^ other[2] | w[3] ^ other[3]
	return int(1 ^ (difference|-difference)>>63)
}

// DuplicateSecretError reports two keys of one route with the same secret. Their label would be ambiguous.
type DuplicateSecretError struct{ Route, FirstLabel, SecondLabel string }

func (e *DuplicateSecretError) Error() string {
	return fmt.Sprintf("route %s: keys %s and %s are the same secret", e.Route, e.FirstLabel, e.SecondLabel)
}

// NewRing returns a ring. It returns a [DuplicateSecretError] if two keys of one route have the same secret.
func NewRing(byRoute map[string][]Key) (*Ring, error) {
	ring := &Ring{routes: make(map[string]int, len(byRoute)), patterns: make(map[window][]pattern)}
	for number, route := range slices.Sorted(maps.Keys(byRoute)) {
		ring.routes[route] = number
		ring.names = append(ring.names, route)
		labels := make(map[ID]string)
		for _, key := range byRoute[route] {
			if label, taken := labels[key.id]; taken {
				return nil, &DuplicateSecretError{route, label, key.Label}
			}
			labels[key.id] = key.Label
			ring.add(number, key)
		}
	}
	return ring, nil
}

func (r *Ring) add(route int, key Key) {
	for _, p := range key.patterns {
		p.entry = len(r.entries)
		r.patterns[p.window] = append(r.patterns[p.window], p)
		r.windows.add(p.window)
	}
	r.hasDigestOnly = r.hasDigestOnly || len(key.patterns) == 0
	r.entries = append(r.entries, entry{route, key})
	r.digests = append(r.digests, routeDigest{newDigestWords(key.digest), int32(route)})
}

// Check returns the status of a secret on a route. It compares the secret with every key in constant time, so that its duration
// reveals nothing of the keys.
func (r *Ring) Check(route, secret string, now time.Time) CheckResult {
	digest := newDigestWords(sha256.Sum256([]byte(secret)))
	number, found := r.routes[route]
	if !found {
		number = -1
	}
	own, other := -1, -1
	for i := range r.digests {
		compared := &r.digests[i]
		equal := digest.equal(&compared.digest)
		here := equal & subtle.ConstantTimeEq(compared.route, int32(number))
		own = subtle.ConstantTimeSelect(here, i, own)
		other = subtle.ConstantTimeSelect(equal, i, other)
	}
	switch {
	case own >= 0:
		key := &r.entries[own].key
		return CheckResult{key.statusAt(now), key.Label, key.id, key.Until}
	case other >= 0:
		key := &r.entries[other].key
		return CheckResult{OtherRoute, key.Label, key.id, key.Until}
	default:
		return CheckResult{}
	}
}

// StatusOf returns the current status of the key that opened a socket of a route: Good, Expired, or Unknown.
func (r *Ring) StatusOf(route string, id ID, now time.Time) Status {
	number, found := r.routes[route]
	for i := range r.entries {
		if e := &r.entries[i]; found && e.route == number && e.key.id == id {
			return e.key.statusAt(now)
		}
	}
	return Unknown
}

// ExpiredBetween reports whether a key expired after the first time and not after the second.
func (r *Ring) ExpiredBetween(after, upTo time.Time) bool {
	for i := range r.entries {
		if until := r.entries[i].key.Until; !until.IsZero() && until.After(after) && !until.After(upTo) {
			return true
		}
	}
	return false
}

// Keys visits every key of the ring.
func (r *Ring) Keys(visit func(route string, key Key)) {
	for i := range r.entries {
		visit(r.names[r.entries[i].route], r.entries[i].key)
	}
}

// SharedSecret is a secret of two routes, with its labels.
type SharedSecret struct {
	Routes [2]string
	Labels [2]string
}

// String returns both labels and routes.
func (s SharedSecret) String() string {
	return fmt.Sprintf("%s of route %s and %s of route %s", s.Labels[0], s.Routes[0], s.Labels[1], s.Routes[1])
}

// SharedSecrets returns the secrets of more than one route, each with the first other route that has it.
func (r *Ring) SharedSecrets() []SharedSecret {
	var shared []SharedSecret
	first := make(map[ID]entry)
	for _, e := range r.entries {
		before, taken := first[e.key.id]
		if !taken {
			first[e.key.id] = e
			continue
		}
		shared = append(shared, SharedSecret{
			Routes: [2]string{r.names[before.route], r.names[e.route]},
			Labels: [2]string{before.key.Label, e.key.Label},
		})
	}
	return shared
}
