package shared

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// object is what a node writes once a period: a line of JSON, then its counts.
type object struct {
	Name string `json:"name"`
	// Sequence differs from that of the object before.
	Sequence uint64    `json:"sequence"`
	Started  time.Time `json:"started"`
	// Description is the JSON object of [Config.Describe].
	Description json.RawMessage `json:"description,omitempty"`
	// Questions are those that wait for answers of the others, sealed, by ID.
	Questions map[string][]byte `json:"questions,omitempty"`

	counts counts
}

// counts are sorted pairs of a [Count] and a number, so that readers need not decode them.
type counts []byte

const (
	countSize = 8
	pairSize  = countSize + 4
)

func newCounts(numbers map[Count]uint32) counts {
	encoded := make(counts, 0, len(numbers)*pairSize)
	for _, count := range slices.Sorted(maps.Keys(numbers)) {
		encoded = binary.BigEndian.AppendUint64(encoded, uint64(count))
		encoded = binary.BigEndian.AppendUint32(encoded, numbers[count])
	}
	return encoded
}

// of returns the number of a count.
func (c counts) of(count Count) int {
	low, high := 0, len(c)/pairSize
	for low < high {
		middle := (low + high) / 2
		if Count(binary.BigEndian.Uint64(c[middle*pairSize:])) < count {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if pair := c[low*pairSize:]; len(pair) >= pairSize && Count(binary.BigEndian.Uint64(pair)) == count {
		return int(binary.BigEndian.Uint32(pair[countSize:]))
	}
	return 0
}

func (o *object) encode() ([]byte, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("writing the object of the node: %w", err)
	}
	return append(append(line, '\n'), o.counts...), nil
}

func decodeObject(encoded []byte) (*object, error) {
	line, rest, found := bytes.Cut(encoded, []byte("\n"))
	if !found {
		return nil, errors.New("the object of a node is cut off")
	}
	if len(rest)%pairSize != 0 {
		return nil, errors.New("the counts of a node are cut off")
	}
	o := &object{counts: rest}
	if err := json.Unmarshal(line, o); err != nil {
		return nil, fmt.Errorf("reading the object of a node: %w", err)
	}
	return o, nil
}
