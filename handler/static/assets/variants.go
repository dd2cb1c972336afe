package assets

import (
	"crypto/sha256"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// minCompressed is the smallest file that is worth another coding, in bytes: below it the headers weigh more.
const minCompressed = 512

// coded is a content in other codings, for all files that have it, in this generation and the next.
type coded = atomic.Pointer[variants]

// variants are a content in other codings. They are immutable; a further coding is added to a copy.
type variants struct {
	made  [codings]*variant
	tried [codings]bool // also where it did not pay
}

// variant is a content in another coding.
type variant struct {
	size    int64
	made    string       // how
	content []byte       // nil: it is on the disk alone
	kept    *keptVariant // nil: it is in memory alone

	name, etag, contentLength []string // header values
}

// choose picks the coding that the client wants among those that exist; nil is the bytes as they are. Where the client
// accepts neither these nor a coding that exists, now is one that it does accept, to be made for it.
func (f *File) choose(r *http.Request, offered []Coding) (chosen *variant, now Coding, acceptable bool) {
	made := f.variants()
	if r.Header["Range"] != nil {
		made = nil // parts are given of the bytes as they are
	}
	if made == nil && acceptsIdentity(r.Header) {
		return nil, Identity, true
	}
	acceptance := acceptEncoding(r.Header)
	sizes := [codings]int64{Identity: f.Size, Brotli: -1, Zstd: -1, Gzip: -1}
	if made != nil {
		for _, coding := range offered {
			if v := made.made[coding]; v != nil {
				sizes[coding] = v.size
			}
		}
	}
	best, ok := acceptance.Best(&sizes)
	switch {
	case ok && best == Identity:
		return nil, Identity, true
	case ok:
		return made.made[best], Identity, true
	}
	for _, coding := range offered {
		if acceptance[coding] > acceptance[now] {
			now = coding
		}
	}
	if now == Identity || f.Size > maxInMemory { // nobody may ask for seconds of work
		return nil, Identity, false
	}
	return nil, now, true
}

// shareVariants has files of the same content have the same variants, those that were made for the catalog before. It is called
// once, before anybody has the catalog.
func (c *Catalog) shareVariants(previous *Catalog) {
	known := make(map[[sha256.Size]byte]*coded)
	if previous != nil {
		for _, f := range previous.files {
			if f.coded != nil {
				known[f.digest] = f.coded
			}
		}
	}
	for _, f := range c.files {
		if f.coded != nil || !isCompressed(f) {
			continue
		}
		if known[f.digest] == nil {
			known[f.digest] = new(coded)
		}
		f.coded = known[f.digest]
	}
}

// held is how many bytes of files are in memory, in all codings. What files share counts once.
func (c *Catalog) held() (total int64) {
	counted := make(map[*byte]bool)
	count := func(content []byte) {
		if len(content) == 0 {
			return
		}
		if start := &content[0]; !counted[start] {
			counted[start] = true
			total += int64(len(content))
		}
	}
	for _, f := range c.files {
		count(f.Content)
		if made := f.variants(); made != nil {
			for _, v := range made.made {
				if v != nil {
					count(v.content)
				}
			}
		}
	}
	return total
}

// variants are those that there are; nil where there are none yet, and for a file that other codings are not made of.
func (f *File) variants() *variants {
	if f.coded == nil {
		return nil
	}
	return f.coded.Load()
}

// tried reports that it is known what a coding makes of the file; made is that, or nil where it does not pay.
func (f *File) tried(coding Coding) (made *variant, tried bool) {
	all := f.variants()
	if all == nil {
		return nil, false
	}
	return all.made[coding], all.tried[coding]
}

// setVariant notes what a coding makes of the file.
func (f *File) setVariant(coding Coding, v *variant) {
	f.changeVariants(func(next *variants) { next.made[coding], next.tried[coding] = v, true })
}

// forgetVariant is for one that cannot be read: it is made anew when files are looked at next, which is soon.
func (f *File) forgetVariant(unreadable *variant) {
	f.changeVariants(func(next *variants) {
		for coding, v := range next.made {
			if v == unreadable {
				next.made[coding], next.tried[coding] = nil, false
			}
		}
	})
}

func (f *File) changeVariants(change func(next *variants)) {
	for {
		before := f.coded.Load()
		var next variants
		if before != nil {
			next = *before
		}
		change(&next)
		if f.coded.CompareAndSwap(before, &next) {
			return
		}
	}
}

// pays reports a size in another coding that is worth sending that.
func (f *File) pays(size int64) bool { return size <= f.Size*9/10 }

// variant is the file in another coding; where its bytes are is for the caller to say.
func (f *File) variant(coding Coding, size int64) *variant {
	return &variant{
		size:          size,
		name:          codingHeaders[coding],
		etag:          []string{f.codedTag(coding.String())},
		contentLength: []string{formatInt(size)},
	}
}

// codedTag is the entity tag in another coding: other bytes need another one (RFC 9110, 8.8.3.3). Its end is not -gzip: Caddy's
// `encode` takes that for its own, and off the tags that are asked with. It stays the same when an encoder changes: parts are
// given of the bytes as they are alone, so nobody joins what two encoders made.
func (f *File) codedTag(coding string) string {
	return strings.TrimSuffix(f.etag[0], `"`) + "." + coding + `"`
}

// whole is the bytes, from disk where they are not in memory; then they are in scratch.
func (f *File) whole(catalog *Catalog, scratch *[]byte) ([]byte, error) {
	if f.Content != nil {
		return f.Content, nil
	}
	file, err := f.open(catalog)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	*scratch = slices.Grow((*scratch)[:0], int(f.Size))
	content := (*scratch)[:f.Size]
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != f.digest {
		return nil, errOtherContent
	}
	return content, nil
}
