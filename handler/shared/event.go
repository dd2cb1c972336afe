package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is an instruction of one node that all other nodes carry out.
type event struct {
	Kind string `json:"kind"`
	// At is when the event was published, by the clock of its node, in Unix milliseconds.
	At      int64           `json:"at"`
	Payload json.RawMessage `json:"payload"`
}

func encodeEvents(key *Key, events []event) ([]byte, error) {
	plain, err := json.Marshal(events)
	if err != nil {
		return nil, fmt.Errorf("writing events: %w", err)
	}
	return key.seal.Seal(nil, nil, plain, nil), nil
}

func decodeEvents(key *Key, sealed []byte) (events []event, err error) {
	if key == nil {
		return nil, errors.New("reading events: there is no shared key yet")
	}
	plain, err := key.seal.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, errors.New("reading events: they are of another shared key, or damaged")
	}
	if err := json.NewDecoder(bytes.NewReader(plain)).Decode(&events); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return events, nil
}

// head names the segments of one node that are in the storage: those from first to last. It is the name of an object, so that
// one List shows the heads of all nodes.
type head struct {
	node        string
	first, last uint64
	minute      int64 // when last was written, in minutes since 1970, by the clock of its node
}

func (h head) name() string { return fmt.Sprintf("%s.%d.%d.%d", h.node, h.first, h.last, h.minute) }

func (h head) path() string { return headsPath + "/" + h.name() }

func parseHead(name string) (h head, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) != 4 || !validID(parts[0]) {
		return h, false
	}
	var errs [3]error
	h.node = parts[0]
	h.first, errs[0] = strconv.ParseUint(parts[1], 10, 64)
	h.last, errs[1] = strconv.ParseUint(parts[2], 10, 64)
	h.minute, errs[2] = strconv.ParseInt(parts[3], 10, 64)
	return h, errors.Join(errs[:]...) == nil && h.first <= h.last
}

// latest returns the latest head of each node. A node writes its new head before it deletes the old one.
func latest(names []string) map[string]head {
	heads := make(map[string]head)
	for _, name := range names {
		if h, ok := parseHead(name); ok && h.last >= heads[h.node].last {
			heads[h.node] = h
		}
	}
	return heads
}

// sortEvents sorts events of several nodes by their times.
func sortEvents(events []event) {
	slices.SortStableFunc(events, func(a, b event) int { return int(a.At - b.At) })
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }
