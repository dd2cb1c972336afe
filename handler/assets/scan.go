package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scan2food/usher/handler/fingerprint"
)

// maxInMemory is the largest file whose content is held in memory, in bytes.
const maxInMemory = 1 << 20

// maxProved is the largest file whose name is held against its bytes, in bytes.
const maxProved = 32 << 20

// scanner reads a root once.
type scanner struct {
	root     *os.Root
	previous *Catalog
	memory   int64
	report   func(path string, err error)
	rewrite  Rewrite // nil: files are served as they are
	modules  Modules // nil: no script is looked into

	mutex     sync.Mutex
	files     map[string]*File
	manifests []string // paths
}

// scan reads every file below the root. Files that look the same as in the previous catalog are taken from it.
func (s *scanner) scan(ctx context.Context) (*Catalog, error) {
	s.files = make(map[string]*File)
	group, ctx := errgroup.WithContext(ctx)
	paths := make(chan string, 64)
	group.Go(func() error {
		defer close(paths)
		return s.walk(ctx, ".", paths, nil)
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for p := range paths {
				if err := s.read(p); err != nil {
					s.report(p, err)
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	catalog := &Catalog{files: s.files, root: s.root, reader: s.modules}
	catalog.manifests = s.readManifests()
	for _, file := range s.files {
		catalog.noteChange(file, s.previous)
		file.Evidence = catalog.evidence(file)
	}
	s.keepInMemory()
	if s.rewrite != nil {
		catalog.rewrite(s.rewrite)
	}
	catalog.finish()
	return catalog, nil
}

// walk sends the path of every file below dir, and of every file that a link below dir leads to inside the root.
func (s *scanner) walk(ctx context.Context, dir string, paths chan<- string, above []fs.FileInfo) error {
	info, err := s.root.Stat(dir)
	if err != nil {
		return s.walkFailed(dir, err)
	}
	for _, seen := range above {
		if os.SameFile(seen, info) {
			return nil // a link to a directory above itself
		}
	}
	above = append(above[:len(above):len(above)], info)
	entries, err := s.list(dir)
	if err != nil {
		return s.walkFailed(dir, err)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if hiddenSegment(entry.Name()) && entry.Name() != ".vite" {
			continue
		}
		isDir, err := s.isDir(name, entry)
		switch {
		case err != nil:
			s.report(name, err)
		case isDir:
			if err := s.walk(ctx, name, paths, above); err != nil {
				return err
			}
		default:
			select {
			case paths <- name:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// walkFailed stops the scan where the root itself cannot be read, and goes on without a directory below it.
func (s *scanner) walkFailed(dir string, err error) error {
	if dir == "." {
		return err
	}
	s.report(dir, err)
	return nil
}

func (s *scanner) list(dir string) ([]fs.DirEntry, error) {
	f, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// isDir follows a link, as far as it stays inside the root.
func (s *scanner) isDir(name string, entry fs.DirEntry) (bool, error) {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir(), nil
	}
	info, err := s.root.Stat(name)
	if err != nil {
		return false, fmt.Errorf("following a link inside the root: %w", err)
	}
	return info.IsDir(), nil
}

// read adds one file.
func (s *scanner) read(name string) error {
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	seen := identify(info)
	if s.previous != nil {
		if old := s.previous.files[name]; old != nil && old.identity == seen {
			s.add(old.source().again())
			return nil
		}
	}
	file := &File{Path: name, Size: info.Size(), ModTime: info.ModTime().Truncate(time.Second), identity: seen}
	if err := file.readContent(f); err != nil {
		return err
	}
	if after, err := f.Stat(); err != nil || identify(after) != seen {
		return errChanging
	}
	file.IsManifest = fingerprint.IsManifestName(name)
	file.prove()
	file.prepare()
	if s.modules != nil && file.isScript() {
		file.links = s.modules.Read(name, file.Content)
	}
	s.add(file)
	return nil
}

// errChanging is a file that was written to while it was read: the next scan will see it whole.
var errChanging = errors.New("the file is being written")

// readContent reads the bytes and computes their digest. Large files are not kept.
func (f *File) readContent(r io.Reader) error {
	if f.Size > maxProved {
		digest, size, err := sumReader(r)
		f.digest = digest
		if err == nil && size != f.Size {
			err = errChanging
		}
		return err
	}
	content := make([]byte, f.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return errChanging
	}
	f.Content = content
	f.fingerprint = fingerprint.Of(content)
	f.digest = f.fingerprint.SHA256()
	return nil
}

// prove holds the name against the bytes, while they are here.
func (f *File) prove() {
	if f.fingerprint == nil {
		return
	}
	if proof, ok := f.fingerprint.ProveName(f.Path); ok {
		f.proof = Evidence{ByDigest, "the name holds the file's " + proof.Convention}
	}
	f.contradicted = f.fingerprint.Contradicts(f.Path)
}

// again is the file for another catalog: evidence may have changed, the bytes have not.
func (f *File) again() *File {
	next := &File{
		Path: f.Path, Size: f.Size, ModTime: f.ModTime, Content: f.Content, IsManifest: f.IsManifest,
		fingerprint: f.fingerprint, digest: f.digest, identity: f.identity,
		proof: f.proof, contradicted: f.contradicted, changedUnder: f.changedUnder, links: f.links,
		etag: f.etag, contentType: f.contentType, contentLength: f.contentLength, lastModified: f.lastModified,
	}
	next.variants.Store(f.variants.Load())
	return next
}

func (s *scanner) add(file *File) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.files[file.Path] = file
	if file.IsManifest {
		s.manifests = append(s.manifests, file.Path)
	}
}

// keepInMemory lets go of contents over the budget: the large ones, and then whatever comes last. A quarter is for other
// codings.
func (s *scanner) keepInMemory() {
	left := s.memory - s.memory/4
	catalog := Catalog{files: s.files}
	for file := range catalog.All() {
		if file.Content == nil || file.IsManifest {
			continue
		}
		if file.Size > maxInMemory || file.Size > left {
			file.Content, file.fingerprint = nil, nil
			continue
		}
		left -= file.Size
	}
}

func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modTime: info.ModTime()}
	id.change, id.inode = systemIdentity(info)
	return id
}

// openRoot opens the directory, with its own links resolved.
func openRoot(dir string) (*os.Root, error) {
	base, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	return os.OpenRoot(base)
}
