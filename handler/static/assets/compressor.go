package assets

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// compression is how the variants of a tree are made, and what was said of it.
type compression struct {
	wanted     []Coding
	memory     int64   // for contents and variants, in bytes
	archive    Archive // where variants are kept; nil: they are in memory alone
	newEncoder func() encoder
	now        func() time.Time
	logger     *zap.Logger

	mutex    sync.Mutex // one catalog after the other: each takes memory while it is compressed
	unopened bool       // it was said that the archive cannot be opened
	failing  bool       // it was said that it cannot be written
	without  int        // of how many variants it was said that there is no room for them
}

// compressor gives the files of a catalog their variants, in the background: until it is done they are answered as they are.
type compressor struct {
	*compression
	archive Archive // nil also where it cannot be opened
	catalog *Catalog
	since   time.Time // what is kept since then is needed
	encoder encoder   // nil until it is needed
	scratch []byte    // for contents that are not in memory

	left     int64 // bytes that variants may still take in memory
	tooLarge int64 // the size of the smallest file for which there was no room: it is vain to go on from there; 0: none
	missing  int   // how many there is no room for
	err      error // why the archive cannot be written
}

// compress makes the codings of a new catalog in the background. It gives up on an older one.
func (t *Tree) compress(ctx context.Context, previous, catalog *Catalog) {
	if t.stopCompressing != nil {
		t.stopCompressing()
	}
	ctx, t.stopCompressing = context.WithCancel(ctx)
	t.background.Add(1)
	go func() {
		defer t.background.Done()
		t.compression.compress(ctx, previous, catalog)
	}()
}

// compress gives every file that pays for it the codings that it has not: from the disk, where it was made before, and else
// by making it. Gzip is made first, which is quick and everybody accepts; the best codings take a second of processor time for
// a megabyte. What was made of the catalog before stays on the disk with the bytes of its files.
func (c *compression) compress(ctx context.Context, previous, catalog *Catalog) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	w := &compressor{compression: c, archive: c.open(), catalog: catalog, left: c.memory - catalog.held()}
	defer w.close()
	if w.archive != nil {
		previous.renewVariants(catalog)
		w.since = c.now() // what is current comes before what was
	}
	files := catalog.compressedFiles()
	w.shrink(files)
	for _, pass := range []struct {
		codings []Coding
		do      func(*File, Coding)
	}{
		{[]Coding{Brotli, Zstd, Gzip}, w.renew},
		{[]Coding{Brotli, Zstd, Gzip}, w.find}, // the memory is for what most clients get
		{[]Coding{Gzip, Zstd, Brotli}, w.make},
	} {
		for _, coding := range pass.codings {
			if !slices.Contains(c.wanted, coding) {
				continue
			}
			for _, f := range files {
				if ctx.Err() != nil {
					return
				}
				pass.do(f, coding)
			}
			w.close() // what it works with is of no use to the next coding
		}
	}
	w.finish()
}

// open opens the archive, here, where nobody waits for it; nil where there is none, or it cannot be opened for now.
func (c *compression) open() Archive {
	if c.archive == nil {
		return nil
	}
	err := c.archive.Open()
	if err != nil && !c.unopened {
		c.logger.Warn("compressed assets are not kept on disk", zap.Error(err))
	}
	c.unopened = err != nil
	if c.unopened {
		return nil
	}
	return c.archive
}

// isCompressed reports a file that other codings are made of.
func isCompressed(f *File) bool {
	return f.Size >= minCompressed && f.Size <= maxProved && compressible(f.contentType[0])
}

// compressedFiles are those of a catalog, the smallest first: of them the most find room.
func (c *Catalog) compressedFiles() []*File {
	var files []*File
	for f := range c.All() {
		if isCompressed(f) {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b *File) int { return int(a.Size - b.Size) })
	return files
}

func (w *compressor) close() {
	if w.encoder != nil {
		w.encoder.close()
		w.encoder = nil
	}
}

// finish says what could not be done, once for as long as it stays so.
func (w *compressor) finish() {
	if w.archive != nil {
		w.archive.Sweep()
	}
	if w.err != nil && !w.failing {
		w.logger.Warn("compressed assets cannot be kept on disk; they are held in memory as far as that goes, "+
			"and made anew by the next process", zap.Error(w.err))
	}
	if w.missing > 0 && w.missing != w.without {
		w.logger.Warn("there is no more room for compressed assets; some are sent in fewer codings than they could be",
			zap.Int("variants", w.missing), zap.Int64("memory", w.memory))
	}
	w.failing, w.without = w.err != nil, w.missing
}

// renew has what is needed of a file stay on the disk. Only after that has been said of all files may anything be put there: it
// may drop the rest.
func (w *compressor) renew(f *File, coding Coding) {
	if w.archive == nil {
		return
	}
	for _, kept := range f.keptPlaces(w.archive, coding) {
		kept.renew()
	}
}

// find gives a file a coding that exists already: beside it, or on the disk. One that it has stays on the disk.
func (w *compressor) find(f *File, coding Coding) {
	if made, tried := f.tried(coding); tried {
		w.keep(f, coding, made)
		return
	}
	if encoded := w.sidecar(f, coding); encoded != nil && f.pays(int64(len(encoded))) {
		w.add(f, coding, encoded, fromSidecar(coding))
		return
	}
	w.findOnDisk(f, coding)
}

// findOnDisk gives a file what was made of its content before, also by another process.
func (w *compressor) findOnDisk(f *File, coding Coding) (found bool) {
	return w.archive != nil && w.load(f, coding, f.keptAt(w.archive, encoderSettings(coding, f.Size)))
}

// load gives a file what is kept in a place: in memory, if there is room.
func (w *compressor) load(f *File, coding Coding, kept *keptVariant) (found bool) {
	if !kept.renew() {
		return false
	}
	content, found := kept.open()
	if !found {
		return false
	}
	defer content.Close()
	if content.Size == 0 {
		f.setVariant(coding, nil)
		return true
	}
	v := f.variant(coding, content.Size)
	v.made, v.kept = kept.made, kept
	if w.makeRoom(f, v) {
		encoded := make([]byte, content.Size)
		if _, err := io.ReadFull(content, encoded); err != nil {
			return false
		}
		v.content = encoded
	}
	w.set(f, coding, v)
	return true
}

// keep has what a coding makes of a file stay on the disk, or puts it there, if it could not be put before.
func (w *compressor) keep(f *File, coding Coding, made *variant) {
	switch {
	case made == nil:
		w.place(f, encoderSettings(coding, f.Size), nil)
	case made.content == nil:
		if !w.load(f, coding, made.kept) { // there may be room in memory by now
			f.forgetVariant(made)
		}
	default:
		if kept := w.place(f, made.made, made.content); (kept == nil) != (made.kept == nil) {
			next := *made
			next.kept = kept
			f.setVariant(coding, &next)
		}
	}
}

// place is where the disk has what was made of a file, by now; nil where it cannot be put there.
func (w *compressor) place(f *File, made string, encoded []byte) *keptVariant {
	if w.archive == nil {
		return nil
	}
	kept := f.keptAt(w.archive, made)
	if !kept.renew() && !w.put(kept, encoded) {
		return nil
	}
	return kept
}

// make makes a coding of a file that exists nowhere.
func (w *compressor) make(f *File, coding Coding) {
	if _, tried := f.tried(coding); tried || w.findOnDisk(f, coding) {
		return
	}
	if w.tooLarge > 0 && f.Size >= w.tooLarge {
		w.missing++
		return
	}
	content, err := f.whole(w.catalog, &w.scratch)
	if err != nil {
		return // it was replaced meanwhile: the next catalog has it
	}
	if w.encoder == nil {
		w.encoder = w.newEncoder()
	}
	encoded := w.encoder.encode(coding, content)
	switch err := f.decodesTo(coding, encoded); {
	case err != nil:
		w.logger.Warn("an asset is not itself once it is compressed, and is sent as it is", zap.String("path", f.Path),
			zap.String("coding", coding.String()), zap.Error(err))
		f.setVariant(coding, nil)
	case !f.pays(int64(len(encoded))):
		f.setVariant(coding, nil)
		w.keep(f, coding, nil)
	case !w.add(f, coding, encoded, encoderSettings(coding, f.Size)):
		w.missing++
		w.tooLarge = f.Size
	}
}

// add gives a file what was made of it: on the disk if it can be kept there, and in memory if there is room. It reports that
// there is a place for it.
func (w *compressor) add(f *File, coding Coding, encoded []byte, made string) bool {
	v := f.variant(coding, int64(len(encoded)))
	v.made, v.kept = made, w.place(f, made, encoded)
	if w.makeRoom(f, v) {
		v.content = encoded
	}
	if v.content == nil && v.kept == nil {
		return false
	}
	w.set(f, coding, v)
	return true
}

// put reports whether a variant is kept. Where the disk fails, it is not tried again and again.
func (w *compressor) put(kept *keptVariant, encoded []byte) bool {
	if w.err != nil {
		return false
	}
	err := kept.put(encoded, w.since)
	if err != nil && !isFull(err) {
		w.err = err
	}
	return err == nil
}
