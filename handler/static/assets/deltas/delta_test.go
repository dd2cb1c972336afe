package deltas_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// A decoder with the dictionary and the window that every client has returns the content, and the delta refers to the whole dictionary.
func TestDeltaDecodes(t *testing.T) {
	t.Parallel()
	noise := make([]byte, deltas.MaxSize)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, c := range []struct {
		name     string
		from, to int
	}{
		{"the smallest", deltas.MinSize, deltas.MinSize},
		{"a window of a power of two", 1 << 15, 1 << 15},
		{"a byte more", 1<<15 + 1, 1 << 15},
		{"a short dictionary", deltas.MinSize, 200_000},
		{"a long dictionary", 200_000, deltas.MinSize},
		{"the largest", deltas.MaxSize, deltas.MaxSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := noise[:c.from]
			to := append(bytes.Clone(noise[:min(c.from, c.to)/2]), "a change"...)
			to = append(to, noise[len(to):min(c.from, c.to)]...)
			to = append(to, bytes.Repeat([]byte("."), c.to-len(to))...)
			pair := deltas.Pair{From: sha256.Sum256(from), To: sha256.Sum256(to)}
			m := newMaker(t, deltas.Config{})
			delta := m.Get(context.Background(), pair, func(deltas.Pair) ([]byte, []byte, error) { return from, to, nil })
			if delta == nil {
				t.Fatal("no delta")
			}
			if len(delta.Bytes) > 1000 {
				t.Errorf("the delta has %d bytes, want at most 1000: the dictionary holds the content", len(delta.Bytes))
			}
			decoder, err := zstd.NewReader(bytes.NewReader(delta.Bytes), zstd.WithDecoderDictRaw(0, from), zstd.WithDecoderMaxWindow(8<<20))
			if err != nil {
				t.Fatal(err)
			}
			defer decoder.Close()
			if decoded, err := io.ReadAll(decoder); err != nil || !bytes.Equal(decoded, to) {
				t.Errorf("decoded %d bytes, %v, want the %d of the content", len(decoded), err, len(to))
			}
		})
	}
}

// slowDisk is an empty archive that stores nothing until it may.
type slowDisk struct {
	variants.Archive
	may chan struct{}
}

func (slowDisk) Get(string, string) (*archive.Content, bool) { return nil, false }

func (s slowDisk) PutSparing(string, string, io.ReadSeeker, time.Time) error {
	<-s.may
	return nil
}

// A request gets its delta before the delta is on disk.
func TestRequestDoesNotWaitForTheDisk(t *testing.T) {
	t.Parallel()
	disk := slowDisk{may: make(chan struct{})}
	m := newMaker(t, deltas.Config{Archive: disk})
	pair, source := versions("a")
	if m.Get(context.Background(), pair, source) == nil {
		t.Error("the request waited for the disk")
	}
	close(disk.may)
}
