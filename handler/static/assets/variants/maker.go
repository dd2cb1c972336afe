package variants

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Config configures a [Maker].
type Config struct {
	// Codings are the codings to make.
	Codings []Coding
	// Memory is how many bytes of variants are held in memory.
	Memory int64
	// Archive keeps variants on disk. If it is nil, variants are in memory alone.
	Archive Archive
	// NewEncoder makes an encoder. Default: [NewEncoder].
	NewEncoder func() Encoder
	Now        func() time.Time
	Logger     *zap.Logger
}

// Content is a file that may get variants.
type Content struct {
	// Path is for the log.
	Path string
	Set  *Set
	// Encode is false if only a sidecar is worth using.
	Encode bool
}

// Source reads files.
type Source interface {
	// Read returns the bytes of a file. They may be in scratch.
	Read(path string, scratch *[]byte) ([]byte, error)
	// Sidecar returns the compressed file that a build tool wrote beside a file, and its path. It returns nil if there is
	// none.
	Sidecar(path string, coding Coding) (encoded []byte, sidecar string)
}

// Maker makes variants. It makes those of one generation after the other.
type Maker struct {
	config Config

	mutex    sync.Mutex
	unopened bool                       // logged: the archive cannot be opened
	failing  bool                       // logged: the archive cannot be written
	missing  int                        // logged: how many variants have no room
	rejected map[contentAndSidecar]bool // logged: sidecars with other bytes than their files
}

// New returns a maker.
func New(config Config) *Maker {
	if config.NewEncoder == nil {
		config.NewEncoder = NewEncoder
	}
	return &Maker{config: config}
}

// round makes the variants of one generation.
type round struct {
	*Maker
	source  Source
	archive Archive   // nil also if it cannot be opened
	since   time.Time // the archive must keep what was stored or renewed since
	encoder Encoder   // nil until it is needed
	scratch []byte

	left     int64 // bytes that are free in memory
	tooLarge int64 // the size of the smallest content without room; 0: all have room
	missing  int   // variants without room
	rejected map[contentAndSidecar]bool
	err      error // of the archive
}

// Make gives contents their variants: from a sidecar, from the archive, or by encoding. Gzip is made first, since it is quick
// and every client accepts it; the best codings take a second of processor time for a megabyte. The archive keeps the
// variants of the replaced contents for their full time.
func (m *Maker) Make(ctx context.Context, contents, replaced []Content, source Source) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	r := &round{Maker: m, source: source, archive: m.open(), left: m.config.Memory - held(contents), rejected: make(map[contentAndSidecar]bool)}
	defer r.closeEncoder()
	if r.archive != nil {
		renewReplaced(replaced, contents)
		r.since = m.config.Now()
	}
	contents = slices.Clone(contents)
	slices.SortStableFunc(contents, func(a, b Content) int { return cmp.Compare(a.Set.size, b.Set.size) }) // of small ones the most fit
	best, quick := []Coding{Brotli, Zstd, Gzip}, []Coding{Gzip, Zstd, Brotli}
	for _, step := range []struct {
		codings []Coding
		do      func(Content, Coding)
	}{
		{best, r.renew}, // of all contents, before anything is stored: to store may drop the rest
		{best, r.find},
		{quick, r.encode},
		{best, r.load}, // the variants that most clients get come first
	} {
		for _, coding := range step.codings {
			if !slices.Contains(m.config.Codings, coding) {
				continue
			}
			for _, c := range contents {
				if ctx.Err() != nil {
					return
				}
				step.do(c, coding)
			}
			r.closeEncoder() // the next coding needs other buffers
		}
	}
	r.finish()
}

// held is how many bytes of variants are in memory.
func held(contents []Content) (total int64) {
	counted := make(map[*Set]bool)
	for _, c := range contents {
		if !counted[c.Set] {
			counted[c.Set] = true
			total += c.Set.held()
		}
	}
	return total
}

// renewReplaced makes the archive keep the variants of contents that are no longer current.
func renewReplaced(replaced, current []Content) {
	isCurrent := make(map[*Set]bool, len(current))
	for _, c := range current {
		isCurrent[c.Set] = true
	}
	for _, c := range replaced {
		now := c.Set.state.Load()
		if isCurrent[c.Set] || now == nil {
			continue
		}
		for _, v := range now.made {
			if v != nil && v.stored != nil {
				v.stored.renew()
			}
		}
	}
}

// open opens the archive. It returns nil if there is none, or if it cannot be opened for now.
func (m *Maker) open() Archive {
	if m.config.Archive == nil {
		return nil
	}
	err := m.config.Archive.Open()
	if err != nil && !m.unopened {
		m.config.Logger.Warn("cannot open archive of compressed assets; using memory", zap.Error(err))
	}
	m.unopened = err != nil
	if m.unopened {
		return nil
	}
	return m.config.Archive
}

func (r *round) closeEncoder() {
	if r.encoder != nil {
		r.encoder.Close()
		r.encoder = nil
	}
}

// finish logs failures, once as long as they last.
func (r *round) finish() {
	if r.archive != nil {
		r.archive.Sweep()
	}
	logger := r.config.Logger
	if r.err != nil && !r.failing {
		logger.Warn("cannot store compressed assets; using memory", zap.Error(r.err))
	}
	if r.missing > 0 && r.missing != r.Maker.missing {
		logger.Warn("no room for some compressed assets; serving uncompressed",
			zap.Int("variants", r.missing), zap.Int64("memory", r.config.Memory))
	}
	r.failing, r.Maker.missing, r.Maker.rejected = r.err != nil, r.missing, r.rejected
}

// renew makes the archive keep what a content needs.
func (r *round) renew(c Content, coding Coding) {
	if r.archive == nil {
		return
	}
	for _, place := range c.Set.places(r.archive, coding) {
		place.renew()
	}
}

// find uses what exists: the variant that the set has, a sidecar, or a stored variant.
func (r *round) find(c Content, coding Coding) {
	if made, tried := c.Set.tried(coding); tried {
		r.restore(c, coding, made)
		return
	}
	if encoded := r.sidecar(c, coding); encoded != nil {
		r.add(c, coding, encoded, sidecarSettings(coding))
		return
	}
	r.findStored(c, coding)
}

// restore stores a variant again if the archive has lost it, or could not store it before.
func (r *round) restore(c Content, coding Coding, made *Variant) {
	switch {
	case made == nil:
		r.store(c, encoderSettings(coding, c.Set.size), nil)
	case made.Bytes == nil:
		if content, ok := made.stored.open(); ok {
			_ = content.Close()
		} else {
			c.Set.Forget(made)
		}
	default:
		if place := r.store(c, made.settings, made.Bytes); (place == nil) != (made.stored == nil) {
			next := *made
			next.stored = place
			c.Set.put(coding, &next)
		}
	}
}

// findStored uses what was made of the content before, also by another process.
func (r *round) findStored(c Content, coding Coding) (found bool) {
	if r.archive == nil {
		return false
	}
	place := c.Set.storedAs(r.archive, encoderSettings(coding, c.Set.size))
	if !place.renew() {
		return false
	}
	content, ok := place.open()
	if !ok {
		return false
	}
	defer content.Close()
	if content.Size == 0 {
		c.Set.put(coding, nil)
		return true
	}
	v := c.Set.variant(coding, content.Size)
	v.settings, v.stored = place.settings, place
	c.Set.put(coding, v)
	return true
}

// encode makes a variant that does not exist.
func (r *round) encode(c Content, coding Coding) {
	if _, tried := c.Set.tried(coding); tried || !c.Encode || r.findStored(c, coding) {
		return
	}
	if r.tooLarge > 0 && c.Set.size >= r.tooLarge {
		r.missing++
		return
	}
	content, err := r.source.Read(c.Path, &r.scratch)
	if err != nil {
		return // replaced on disk; the next generation has it
	}
	if r.encoder == nil {
		r.encoder = r.config.NewEncoder()
	}
	encoded := r.encoder.Encode(coding, content)
	switch err := c.Set.check(coding, encoded); {
	case err != nil:
		r.config.Logger.Warn("compression check failed; serving uncompressed", zap.String("path", c.Path),
			zap.String("coding", coding.String()), zap.Error(err))
		c.Set.put(coding, nil)
	case !c.Set.pays(int64(len(encoded))):
		c.Set.put(coding, nil)
		r.store(c, encoderSettings(coding, c.Set.size), nil)
	default:
		r.add(c, coding, encoded, encoderSettings(coding, c.Set.size))
	}
}

// add gives a content a new variant: on disk, or in memory if it cannot be on disk.
func (r *round) add(c Content, coding Coding, encoded []byte, settings string) {
	v := c.Set.variant(coding, int64(len(encoded)))
	v.settings, v.stored = settings, r.store(c, settings, encoded)
	if v.stored == nil {
		if v.Size > r.left {
			r.missing++
			r.tooLarge = c.Set.size
			return
		}
		v.Bytes = encoded
		r.left -= v.Size
	}
	c.Set.put(coding, v)
}

// store puts a variant into the archive, unless it is there. It returns nil if that fails. After a failure of the disk
// it does not try again in this round.
func (r *round) store(c Content, settings string, encoded []byte) *stored {
	if r.archive == nil {
		return nil
	}
	place := c.Set.storedAs(r.archive, settings)
	if place.renew() {
		return place
	}
	if r.err != nil {
		return nil
	}
	if err := place.put(encoded, r.since); err != nil {
		if !isFull(err) {
			r.err = err
		}
		return nil
	}
	return place
}

// load reads a stored variant into memory if it fits there.
func (r *round) load(c Content, coding Coding) {
	v := c.Set.Get(coding)
	if v == nil || v.Bytes != nil || v.Size > r.left {
		return
	}
	content, ok := v.stored.open()
	if !ok {
		return
	}
	defer content.Close()
	loaded := *v
	loaded.Bytes = make([]byte, v.Size)
	if _, err := io.ReadFull(content, loaded.Bytes); err != nil {
		return
	}
	r.left -= v.Size
	c.Set.put(coding, &loaded)
}
