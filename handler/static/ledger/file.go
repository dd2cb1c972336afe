package ledger

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// record is a note in the file.
type record struct {
	Path    string    `json:"path"`
	Word    string    `json:"word,omitempty"`
	Version string    `json:"version,omitempty"`
	Page    string    `json:"page,omitempty"`
	SHA256  string    `json:"sha256"`
	Kind    string    `json:"kind"`
	Hits    uint32    `json:"hits,omitempty"`
	At      time.Time `json:"at"`
	Lied    time.Time `json:"lied,omitzero"`
}

var kindNames = map[kind]string{asked: "asked", onPage: "page", proved: "proved"}

var kindsByName = map[string]kind{"asked": asked, "page": onPage, "proved": proved}

// maxFile is larger than any file that is written.
const maxFile = 16 << 20

// load adds what stands in the file and is not known, or known only as it was before: another process may have written it.
func (l *Ledger) load() error {
	info, err := os.Stat(l.config.File)
	if errors.Is(err, fs.ErrNotExist) || err == nil && l.isWritten(info) {
		return nil
	}
	records, err := read(l.config.File)
	if err != nil {
		return fmt.Errorf("reading the ledger of versions: %w", err)
	}
	l.written = info
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, r := range records {
		n, ok := r.note()
		if !ok {
			continue
		}
		if known := l.find(r.Path, r.Version); known == nil || n.at.After(known.at) {
			l.put(r.Path, n)
		}
	}
	return nil
}

func (l *Ledger) isWritten(info fs.FileInfo) bool {
	return l.written != nil && os.SameFile(info, l.written) && info.ModTime().Equal(l.written.ModTime())
}

func read(name string) (records []record, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(content, &records)
	return records, err
}

func (r record) note() (*note, bool) {
	kind, known := kindsByName[r.Kind]
	sum, err := hex.DecodeString(r.SHA256)
	inName := r.Version == "" && len(r.Path) <= maxPath
	if !known || err != nil || len(sum) != len(Digest{}) || len(r.Page) > maxPage ||
		!inName && !isPlausible(Sight{Path: r.Path, Word: r.Word, Version: r.Version}) {
		return nil, false
	}
	n := &note{version: r.Version, word: r.Word, page: r.Page, digest: Digest(sum), kind: kind, at: r.At, lied: r.Lied}
	n.hits.Store(r.Hits)
	return n, true
}

// hits are how often anything was seen.
func (l *Ledger) hits() (total int) {
	for _, s := range *l.shelves.Load() {
		for _, n := range *s.notes.Load() {
			total += int(n.hits.Load())
		}
	}
	return total
}

// save writes what is new, in a file that appears whole; finally how often each was seen is new too.
func (l *Ledger) save(finally bool) {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mutex.Lock()
	hits := l.hits()
	needed := l.dirty || finally && hits != l.savedHits
	l.dirty, l.savedHits = false, hits
	l.mutex.Unlock()
	if !needed {
		return
	}
	if err := errors.Join(l.load(), l.write()); err != nil {
		l.mutex.Lock()
		l.dirty = true
		l.mutex.Unlock()
		if err.Error() != l.reported {
			l.reported = err.Error()
			l.config.Report(err)
		}
		return
	}
	l.reported = ""
}

func (l *Ledger) write() error {
	content, err := json.Marshal(l.records())
	if err != nil {
		return err
	}
	err = atomicfile.Write(l.config.File, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the ledger of versions: %w", err)
	}
	l.written, err = os.Stat(l.config.File)
	return err
}

// records are all that is held. Doubts are not: they begin anew.
func (l *Ledger) records() []record {
	records := []record{}
	for path, s := range *l.shelves.Load() {
		for _, n := range *s.notes.Load() {
			records = append(records, record{
				path, n.word, n.version, n.page, hex.EncodeToString(n.digest[:]), kindNames[n.kind], n.hits.Load(), n.at, n.lied,
			})
		}
	}
	return records
}
