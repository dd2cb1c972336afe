package promises

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// load reads what this or another process has written to the file since it was read last.
func (s *Store) load() error {
	file, err := os.Open(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		s.read, s.end = nil, 0
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if s.read == nil || !os.SameFile(info, s.read) || info.Size() < s.end {
		s.end = 0
	}
	s.read = info
	if info.Size() == s.end {
		return nil
	}
	content, err := io.ReadAll(io.NewSectionReader(file, s.end, info.Size()-s.end))
	if err != nil {
		return err
	}
	complete := content[:bytes.LastIndexByte(content, '\n')+1] // another process may be writing the rest
	s.end += int64(len(complete))
	records := parseLines(complete)
	if len(s.unknown(records)) > 0 {
		s.foreign++
	}
	s.merge(records)
	return nil
}

// parseLines leaves out what is not a line of this package.
func parseLines(content []byte) []record {
	var records []record
	for line := range bytes.Lines(content) {
		if r, ok := parseLine(bytes.TrimSuffix(line, []byte("\n"))); ok {
			records = append(records, r)
		}
	}
	return records
}

// append writes all lines at once, so that those of two processes do not mix.
func (s *Store) append(records []record) error {
	lines := linesOf(records)
	if s.read != nil && s.read.Size() != s.end {
		lines = append([]byte("\n"), lines...) // a process ended in the middle of a line
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(s.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	return errors.Join(err, file.Close())
}

func linesOf(records []record) []byte {
	lines := make([]byte, 0, len(records)*lineLength)
	for _, r := range records {
		lines = r.append(lines)
	}
	return lines
}

// minCompacted is the smallest file that is compacted.
const minCompacted = 1 << 20

// compact rewrites the file if most of its lines are expired or repeated.
func (s *Store) compact() error {
	records := *s.records.Load()
	if s.end < minCompacted || s.end < int64(2*len(records)*lineLength) {
		return nil
	}
	old, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }()
	err = atomicfile.Write(s.file, func(w io.Writer) error {
		_, err := w.Write(linesOf(records))
		return err
	})
	if err != nil {
		return err
	}
	// Another process may have written to the old file meanwhile.
	if late, err := io.ReadAll(io.NewSectionReader(old, s.end, maxRecords*lineLength)); err == nil && len(late) > 0 {
		if err := s.append(parseLines(late)); err != nil {
			return err
		}
	}
	s.read, s.end = nil, 0
	return s.load()
}
