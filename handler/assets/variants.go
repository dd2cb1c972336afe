package assets

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressed is the smallest file that is worth another coding, in bytes: below it the headers weigh more.
const minCompressed = 512

// choose picks the coding that the client wants and that exists; nil is the bytes as they are.
func (f *File) choose(r *http.Request, offered []Coding) *variant {
	made := f.variants.Load()
	if made == nil || len(offered) == 0 {
		return nil
	}
	sizes := [codings]int64{Identity: f.Size, Brotli: -1, Zstd: -1, Gzip: -1}
	for _, coding := range offered {
		if v := made[coding]; v != nil {
			sizes[coding] = int64(len(v.content))
		}
	}
	best, ok := acceptEncoding(r.Header).Best(&sizes)
	if !ok || best == Identity {
		return nil
	}
	return made[best]
}

// compress makes the variants of every file that has none, at the highest level that is worth its time. It is meant for
// the background: until it is done files are answered as they are.
func (c *Catalog) compress(ctx context.Context, memory int64) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return
	}
	defer encoder.Close()
	for f := range c.All() {
		if ctx.Err() != nil || memory <= 0 {
			return
		}
		if f.variants.Load() != nil || f.Content == nil || f.Size < minCompressed || !compressible(f.contentType[0]) {
			continue
		}
		made := new(variants)
		made[Gzip] = f.variant(Gzip, gzipped(f.Content))
		made[Zstd] = f.variant(Zstd, encoder.EncodeAll(f.Content, nil))
		made[Brotli] = f.variant(Brotli, brotlied(f.Content))
		for _, v := range made {
			if v != nil {
				memory -= int64(len(v.content))
			}
		}
		f.variants.Store(made)
	}
}

// variant is the file in another coding, or nil if that does not pay.
func (f *File) variant(coding Coding, content []byte) *variant {
	if int64(len(content)) > f.Size*9/10 {
		return nil
	}
	name := coding.String()
	return &variant{
		content:       content,
		name:          []string{name},
		etag:          []string{strings.TrimSuffix(f.etag[0], `"`) + "-" + name + `"`},
		contentLength: []string{formatInt(int64(len(content)))},
	}
}

func gzipped(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return content
	}
	_, _ = w.Write(content)
	_ = w.Close()
	return out.Bytes()
}

func brotlied(content []byte) []byte {
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, brotli.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	return out.Bytes()
}
