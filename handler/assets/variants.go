package assets

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// minCompressed is the smallest file that is worth another coding, in bytes: below it the headers weigh more.
const minCompressed = 512

// variants are a file in other codings. They are immutable; a further coding is added to a copy.
type variants struct {
	made  [codings]*variant
	tried [codings]bool // also where it did not pay
}

type variant struct {
	content                   []byte
	name, etag, contentLength []string
}

// errNoCoding is a file that exists in no coding that the client accepts, and cannot be put into one.
var errNoCoding = errors.New("the client accepts no coding that there is")

// choose picks the coding that the client wants among those that exist; nil is the bytes as they are. Where the client
// accepts neither these nor a coding that exists, now is one that it does accept, to be made for it.
func (f *File) choose(r *http.Request, offered []Coding) (chosen *variant, now Coding, err error) {
	made := f.variants.Load()
	if r.Header["Range"] != nil {
		made = nil // parts are given of the bytes as they are
	}
	if made == nil && acceptsIdentity(r.Header) {
		return nil, Identity, nil
	}
	acceptance := acceptEncoding(r.Header)
	sizes := [codings]int64{Identity: f.Size, Brotli: -1, Zstd: -1, Gzip: -1}
	if made != nil {
		for _, coding := range offered {
			if v := made.made[coding]; v != nil {
				sizes[coding] = int64(len(v.content))
			}
		}
	}
	best, ok := acceptance.Best(&sizes)
	switch {
	case ok && best == Identity:
		return nil, Identity, nil
	case ok:
		return made.made[best], Identity, nil
	}
	for _, coding := range offered {
		if acceptance[coding] > acceptance[now] {
			now = coding
		}
	}
	if now == Identity || f.Size > maxInMemory { // nobody may ask for seconds of work
		return nil, Identity, errNoCoding
	}
	return nil, now, nil
}

// takeVariants takes over what was made of the same bytes for the catalog before.
func (c *Catalog) takeVariants(previous *Catalog) {
	if previous == nil {
		return
	}
	for path, f := range c.files {
		if old := previous.files[path]; old != nil && old != f && old.digest == f.digest && f.variants.Load() == nil {
			f.variants.Store(old.variants.Load())
		}
	}
}

// compressor makes the variants of a catalog, in the background: until it is done files are answered as they are.
type compressor struct {
	catalog  *Catalog
	encoders *encoders
	left     int64 // bytes that variants may still take
	without  int   // how many there was no memory for
	logger   *zap.Logger
}

// compress gives every file that pays for it the codings that it has not. All get gzip first, which is quick and everybody
// accepts; the best codings take a second of processor time for a megabyte.
func (c *Catalog) compress(ctx context.Context, wanted []Coding, memory int64, logger *zap.Logger) {
	encoders, err := newEncoders()
	if err != nil {
		logger.Error("assets are not compressed", zap.Error(err))
		return
	}
	defer encoders.close()
	w := &compressor{catalog: c, encoders: encoders, left: memory - c.held(), logger: logger}
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		for f := range c.All() {
			if ctx.Err() != nil {
				return
			}
			if slices.Contains(wanted, coding) && f.Size >= minCompressed && f.Size <= maxProved && compressible(f.contentType[0]) {
				w.add(f, coding)
			}
		}
	}
	if w.without > 0 {
		logger.Warn("the memory for assets is used up; some are sent in fewer codings than they could be",
			zap.Int("variants", w.without), zap.Int64("memory", memory))
	}
}

// held is how many bytes of files are in memory, in all codings.
func (c *Catalog) held() (total int64) {
	for _, f := range c.files {
		total += int64(len(f.Content))
		if made := f.variants.Load(); made != nil {
			for _, v := range made.made {
				if v != nil {
					total += int64(len(v.content))
				}
			}
		}
	}
	return total
}

// add makes a coding of a file that was not tried yet.
func (w *compressor) add(f *File, coding Coding) {
	if made := f.variants.Load(); made != nil && made.tried[coding] {
		return
	}
	if w.left < minCompressed {
		w.without++ // spare the time
		return
	}
	content, err := f.whole(w.catalog)
	if err != nil {
		return // it was replaced meanwhile: the next catalog has it
	}
	encoded := w.sidecar(f, coding)
	if encoded == nil {
		encoded = w.encoders.encode(coding, content)
	}
	v := f.variant(coding, encoded)
	if v != nil && int64(len(v.content)) > w.left {
		w.without++
		return
	}
	if v != nil {
		w.left -= int64(len(v.content))
	}
	f.addVariant(coding, v)
}

func (f *File) addVariant(coding Coding, v *variant) {
	for {
		before := f.variants.Load()
		var next variants
		if before != nil {
			next = *before
		}
		next.made[coding], next.tried[coding] = v, true
		if f.variants.CompareAndSwap(before, &next) {
			return
		}
	}
}

// variant is the file in another coding, or nil if that does not pay.
func (f *File) variant(coding Coding, content []byte) *variant {
	if int64(len(content)) > f.Size*9/10 {
		return nil
	}
	return &variant{
		content:       content,
		name:          codingHeaders[coding],
		etag:          []string{f.codedTag(coding.String())},
		contentLength: []string{formatInt(int64(len(content)))},
	}
}

// codedTag is the entity tag in another coding: other bytes need another one (RFC 9110, 8.8.3.3). Its end is not -gzip: Caddy's
// `encode` takes that for its own, and off the tags that are asked with.
func (f *File) codedTag(coding string) string {
	return strings.TrimSuffix(f.etag[0], `"`) + "." + coding + `"`
}

// whole is the bytes, from disk where they are not in memory.
func (f *File) whole(catalog *Catalog) ([]byte, error) {
	if f.Content != nil {
		return f.Content, nil
	}
	file, closeFile, err := f.open(catalog)
	if err != nil {
		return nil, err
	}
	defer closeFile()
	content := make([]byte, f.Size)
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != f.digest {
		return nil, errOtherContent
	}
	return content, nil
}
