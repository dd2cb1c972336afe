package tree

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func OpenFiles(t testing.TB, files map[string]string) (*Tree, string) {
	t.Helper()
	config := QuickConfig(WriteRoot(t, files))
	return OpenAt(t, config), config.Root
}

// quickConfig settles fast.
func QuickConfig(root string) Config {
	return Config{
		Root: root, Settle: 50 * time.Millisecond, Vanished: 200 * time.Millisecond, Encode: []variants.Coding{variants.Gzip, variants.Brotli, variants.Zstd},
	}
}

// writeRoot writes files into a new directory.
func WriteRoot(t testing.TB, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func OpenAt(t testing.TB, config Config) *Tree {
	t.Helper()
	config.Now = time.Now
	if config.Logger == nil {
		config.Logger = zap.NewNop()
	}
	tree, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

func Eventually(t testing.TB, what string, satisfied func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if satisfied() {
			return
		}
	}
	t.Errorf("after %s: not %s", testwait.Limit, what)
}

// liveBytes returns the heap in use after a garbage collection.
func LiveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// text is content that every coding compresses.
func Text(size int) string {
	return strings.Repeat("function f(){return 'a reasonably long script'}\n", size/48+1)[:size]
}

// heldBytes returns the bytes of contents and variants in memory.
func HeldBytes(c *Catalog) (total int64) {
	counted := make(map[*byte]bool)
	count := func(content []byte) {
		if len(content) > 0 && !counted[&content[0]] {
			counted[&content[0]] = true
			total += int64(len(content))
		}
	}
	for f := range c.All() {
		count(f.Content)
		for _, coding := range AllCodings {
			if v := f.Variants.Get(coding); v != nil {
				count(v.Bytes)
			}
		}
	}
	return total
}

func Noise(size int) string {
	random := rand.NewChaCha8([32]byte{})
	b := make([]byte, size)
	_, _ = random.Read(b)
	return string(b)
}

func GzipOf(t testing.TB, content string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func MD5Of(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

var AllCodings = []variants.Coding{variants.Gzip, variants.Zstd, variants.Brotli}
