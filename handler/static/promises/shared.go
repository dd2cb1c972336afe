package promises

import (
	"slices"
	"time"
)

// maxUnshared is how many promises Unshared returns at a time.
const maxUnshared = 1 << 14

// day is the unit of time of promises that are shared: machines that give the same promises on a day share the same lines.
const day = uint32(24 * time.Hour / time.Second)

// Unshared returns promises that other machines do not know, as lines. It returns the others once these are marked as shared.
func (s *Store) Unshared() (lines []byte) {
	var unshared []record
	for _, r := range *s.records.Load() {
		if !r.shared {
			unshared = append(unshared, r.share())
		}
		if len(unshared) == maxUnshared {
			break
		}
	}
	return linesOf(unshared)
}

// share rounds the time of a record up to a day.
func (r record) share() record {
	r.at, r.shared = (r.at+day-1)/day*day, true
	return r
}

// MarkShared notes that other machines know promises, which Unshared returned.
func (s *Store) MarkShared(lines []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.merge(shared(parseLines(lines)))
}

func shared(records []record) []record {
	for i := range records {
		records[i].shared = true
	}
	return records
}

// Merge adds the promises of other machines, and writes those that are new to the file. It reports whether one was new.
func (s *Store) Merge(lines []byte) (fresh bool, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	records := shared(parseLines(lines))
	unknown := s.unknown(records)
	s.merge(records)
	if len(unknown) == 0 {
		return false, nil
	}
	return true, s.append(unknown)
}

// unknown returns the records that are not in memory.
func (s *Store) unknown(records []record) (unknown []record) {
	known := *s.records.Load()
	for _, r := range records {
		if _, found := slices.BinarySearchFunc(known, r, record.compare); !found {
			unknown = append(unknown, r)
		}
	}
	return unknown
}
