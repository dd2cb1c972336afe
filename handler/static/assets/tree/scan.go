package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// maxInMemory is the largest file whose content is held in memory, in bytes.
const maxInMemory = 1 << 20

// maxProved is the largest file whose name is compared with its bytes, in bytes.
const maxProved = 32 << 20

// tooFresh is how long after a change another change may get the same time from the file system.
const tooFresh = time.Second

// progressEvery is how often a long scan logs its progress.
const progressEvery = 5 * time.Second

// errChanging is the error for a tree that changes while it is read. A later scan reads it.
var errChanging = errors.New("the tree is being written")

// scanner reads the files of one walk.
type scanner struct {
	dir       *directory
	previous  *Catalog
	memory    int64
	report    func(path string, err error)
	rewrite   Rewrite // nil: no stamped forms
	unstamped unstamped
	hiding    hiding
	named     bool // the operator named the manifests
	now       time.Time
	fresh     map[string]bool // files that were read too soon after a change, and may have changed again
	partial   bool            // a file that is being written stays as it was, instead of stopping the scan
	progress  func(files, of int, bytes, ofBytes int64)
	every     time.Duration // how often to log progress
	manifests []manifestFile
	survey    *fingerprint.Survey
	// All files that look like manifests, and how many manifests, stylesheets and scripts were parsed.
	manifestsRead map[string]manifestFile
	parses        int

	mutex    sync.Mutex
	files    map[string]*File
	newFresh map[string]bool
	// Progress.
	readFiles, readBytes atomic.Int64
	reads                atomic.Int64 // files that were opened
}

// scan reads the files of a walk. Unchanged files are taken from the previous catalog.
func (s *scanner) scan(ctx context.Context, entries []entry) (*Catalog, error) {
	s.files, s.newFresh = make(map[string]*File, len(entries)), make(map[string]bool)
	if err := s.readManifests(entries); err != nil {
		return nil, err
	}
	if err := s.readFilesOf(ctx, entries); err != nil {
		return nil, err
	}
	catalog := &Catalog{files: s.files, Dir: s.dir, manifests: s.manifests, manifestsRead: s.manifestsRead, unstamped: s.unstamped, hiding: s.hiding}
	catalog.index()
	catalog.listPrecached()
	if s.rewrite != nil {
		s.parses += catalog.stamp(s.rewrite, s.previous)
	}
	catalog.finish()
	return catalog, nil
}

// readFilesOf reads the files. Django's versioned files come last, since most are copies of others.
func (s *scanner) readFilesOf(ctx context.Context, entries []entry) error {
	held := heldInMemory(entries, s.memory)
	sources, copies := copiesApart(entries)
	defer s.logProgress(entries)()
	if err := s.readEach(ctx, entries, held, sources); err != nil {
		return err
	}
	return s.readEach(ctx, entries, held, copies)
}

// readEach reads some of the entries, with one goroutine for each processor.
func (s *scanner) readEach(ctx context.Context, entries []entry, held []bool, order []int) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			var scratch []byte
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(order) {
					return nil
				}
				i := order[n]
				err := s.read(&entries[i], held[i], &scratch)
				switch {
				case errors.Is(err, errChanging) && s.partial:
					s.keepBefore(entries[i].path)
				case errors.Is(err, errChanging):
					return err
				case err != nil:
					s.report(entries[i].path, err)
				}
				s.readFiles.Add(1)
				s.readBytes.Add(entries[i].identity.size)
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// copiesApart separates Django's versioned files from the others.
func copiesApart(entries []entry) (others, copies []int) {
	others = make([]int, 0, len(entries))
	for i := range entries {
		if entries[i].hidden {
			continue
		}
		if _, isCopy := fingerprint.DjangoSource(entries[i].path); isCopy {
			copies = append(copies, i)
		} else {
			others = append(others, i)
		}
	}
	return others, copies
}

// logProgress logs progress until stop is called.
func (s *scanner) logProgress(entries []entry) (stop func()) {
	if s.progress == nil {
		return func() {}
	}
	total := int64(0)
	for i := range entries {
		total += entries[i].identity.size
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(s.every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.progress(int(s.readFiles.Load()), len(entries), s.readBytes.Load(), total)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}

// read reads one file, or takes it from the previous catalog.
func (s *scanner) read(e *entry, held bool, scratch *[]byte) error {
	old := s.known(e)
	if old != nil && !s.mustReread(old, held) {
		s.add(s.again(old, held), false)
		return nil
	}
	f, err := s.open(e)
	if err != nil {
		return err
	}
	defer f.Close()
	s.reads.Add(1)
	file := &File{
		Path: e.path, Size: e.identity.size,
		identity: e.identity, Disk: e.disk, IsManifest: e.isManifest(), read: s.now,
	}
	if err := file.readContent(f, held, s.alike(e), scratch); err != nil {
		return err
	}
	if after, err := f.Stat(); err != nil || identify(after) != e.identity {
		return errChanging
	}
	file.prove()
	file.ModTime = file.date(s.now, s.before(e.path))
	file.prepare()
	file.since = s.since(file)
	s.noteChange(file)
	file.judged(s.judge(file))
	switch {
	case !held:
		file.fingerprint = nil // it refers to the bytes
	case len(s.survey.ListedBy(e.path)) == 0: // manifests would need the digests with each scan
		file.fingerprint.Forget()
	}
	s.add(file, s.now.Sub(e.identity.latest()).Abs() < tooFresh)
	return nil
}

// keepBefore takes a path from the previous catalog, if it has it.
func (s *scanner) keepBefore(path string) {
	if old := s.before(path); old != nil {
		s.add(s.again(old, old.Content != nil), true)
	}
}

// before returns the file that the path had in the previous catalog, or nil.
func (s *scanner) before(path string) *File {
	if s.previous == nil {
		return nil
	}
	return s.previous.files[path]
}

// since is since when a path has the content of a file.
func (s *scanner) since(file *File) time.Time {
	switch old := s.before(file.Path); {
	case s.previous == nil:
		return time.Time{}
	case old != nil && old.digest == file.digest:
		return old.since
	default:
		return s.now
	}
}

// known returns the file of the previous catalog if it is unchanged, or nil.
func (s *scanner) known(e *entry) *File {
	if old := s.before(e.path); old != nil && old.identity == e.identity && old.Disk == e.disk {
		return old
	}
	return nil
}

// mustReread reports an unchanged file that must be read again: to hold it in memory, to compare it with a changed manifest, or
// because it may have changed within the resolution of the file system's clock.
func (s *scanner) mustReread(old *File, held bool) bool {
	if s.fresh[old.Path] || held && old.Content == nil {
		return true
	}
	return old.Content == nil && !sameManifests(s.manifests, s.previous.manifests) && len(s.survey.ListedBy(old.Path)) > 0
}

// open opens the file of an entry. It fails if another file has taken its place.
func (s *scanner) open(e *entry) (*os.File, error) {
	f, err := s.dir.open(e.disk)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errChanging
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || identify(info) != e.identity {
		_ = f.Close()
		return nil, errChanging
	}
	return f, nil
}

// again returns a file of the previous catalog for this one: the same, or a copy if its evidence changed.
func (s *scanner) again(old *File, held bool) *File {
	if held == (old.Content != nil) && s.judge(old).is(old) {
		return old
	}
	next := old.again(held)
	return next.judged(s.judge(next))
}

func (s *scanner) add(file *File, fresh bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.files[file.Path] = file
	if fresh {
		s.newFresh[file.Path] = true
	}
}
