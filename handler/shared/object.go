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

// object is what a node writes once a period: a line of JSON, then its counts. Each count is 8 bytes and a number of variable
// length.
type object struct {
	Name string `json:"name"`
	// Sequence differs from that of the object before.
	Sequence uint64    `json:"sequence"`
	Started  time.Time `json:"started"`
	// Description is the JSON object of [Config.Describe].
	Description json.RawMessage `json:"description,omitempty"`

	counts map[Count]uint32
}

func (o *object) encode() ([]byte, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("writing the object of the node: %w", err)
	}
	encoded := append(line, '\n')
	for _, count := range slices.Sorted(maps.Keys(o.counts)) {
		encoded = binary.BigEndian.AppendUint64(encoded, uint64(count))
		encoded = binary.AppendUvarint(encoded, uint64(o.counts[count]))
	}
	return encoded, nil
}

func decodeObject(encoded []byte) (*object, error) {
	line, rest, found := bytes.Cut(encoded, []byte("\n"))
	if !found {
		return nil, errors.New("the object of a node is cut off")
	}
	o := &object{counts: make(map[Count]uint32, len(rest)/9)}
	if err := json.Unmarshal(line, o); err != nil {
		return nil, fmt.Errorf("reading the object of a node: %w", err)
	}
	for len(rest) > 0 {
		if len(rest) < 9 {
			return nil, errors.New("the counts of a node are cut off")
		}
		number, size := binary.Uvarint(rest[8:])
		if size <= 0 || number > 1<<31 {
			return nil, errors.New("a count of a node is invalid")
		}
		o.counts[Count(binary.BigEndian.Uint64(rest))] = uint32(number)
		rest = rest[8+size:]
	}
	return o, nil
}
