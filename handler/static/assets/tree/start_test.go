//go:build unix

package tree

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
)

// BenchmarkStart measures the start of a site with 50 MB of text until all variants exist: the first start, and later ones. The
// text is the source of the Go toolchain. cpu-s/op is processor time.
func BenchmarkStart(b *testing.B) {
	root, kept, directory := b.TempDir(), b.TempDir(), ""
	writeText(b, root, 50<<20)
	for _, c := range []struct {
		name  string
		first bool
	}{{"first", true}, {"second", false}} {
		b.Run(c.name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				if c.first || directory == "" {
					directory = newDirectory(b, kept)
				}
				startAndCompress(b, root, directory)
			}
			b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

func newDirectory(b *testing.B, parent string) string {
	b.Helper()
	directory, err := os.MkdirTemp(parent, "")
	if err != nil {
		b.Fatal(err)
	}
	return directory
}

// writeText writes Go source files as scripts, up to a number of bytes.
func writeText(b *testing.B, root string, size int) {
	b.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(goroot)), "src"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || size <= 0 || !strings.HasSuffix(path, ".go") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		size -= len(content)
		return os.WriteFile(filepath.Join(root, strconv.Itoa(files)+".js"), content, 0o644)
	})
	if err != nil || size > 0 {
		b.Fatalf("there are %d bytes too few: %v", size, err)
	}
}

func startAndCompress(b *testing.B, root, directory string) {
	b.Helper()
	tree, err := Open(Config{
		Root: root, Encode: AllCodings, Logger: zap.NewNop(), Now: time.Now,
		Variants: archive.New(archive.Config{Directory: directory, Now: time.Now}),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	tree.refresh(b.Context(), true)
	tree.background.Wait()
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
