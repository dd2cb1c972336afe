package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// aboutTree is the path under which it is reported what is true of the whole tree.
const aboutTree = "."

// unrest is how long a tree may be written to before it is said that it is never quiet.
const unrest = time.Minute

// keepReports keeps what was said of files that are not read again: it is still true.
func (t *Tree) keepReports(entries []entry) {
	for path, said := range t.reported {
		if walkedTree(entries).find(path) != nil {
			t.saying[path] = said
		}
	}
}

// report logs what could not be read, once for as long as it stays so.
func (t *Tree) report(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) && path != aboutTree && !slices.Contains(t.config.Manifests, path) {
		return
	}
	known := t.reported[path] == err.Error() || t.saying[path] == err.Error()
	t.saying[path] = err.Error()
	if known {
		return
	}
	t.reported[path] = err.Error()
	level := zap.WarnLevel // all others are served
	if path == aboutTree {
		level = zap.ErrorLevel // nothing new is
	}
	t.config.Logger.Log(level, "reading assets", zap.String("root", t.config.Root), zap.String("path", path), zap.Error(err))
}

// tellDoubts says of which files the names, or their manifests, are not believed.
func (t *Tree) tellDoubts(catalog *Catalog) {
	const examples = 5
	doubted, paths := 0, []string(nil)
	for file := range catalog.All() {
		if file.denied.Doubt == fingerprint.NoDoubt || file.denied.Doubt == fingerprint.OtherBytes && t.config.Ledger != nil {
			continue // the ledger tells of other bytes, once
		}
		if doubted++; doubted <= examples {
			paths = append(paths, file.Path+": "+file.denied.Detail)
		}
	}
	if doubted > 0 {
		t.config.Logger.Warn("versions in the names of assets are not believed; browsers ask each time",
			zap.String("root", t.config.Root), zap.Int("files", doubted), zap.Strings("for_example", paths))
	}
}

func (t *Tree) progress(files, of int, bytes, ofBytes int64) {
	t.config.Logger.Info("reading assets", zap.String("root", t.config.Root),
		zap.Int("files", files), zap.Int("of_files", of), zap.Int64("bytes", bytes), zap.Int64("of_bytes", ofBytes))
}

// warnOfUnrest says that a tree is written to all the time, once until it is quiet.
func (t *Tree) warnOfUnrest(now time.Time) {
	if now.Sub(t.disturbed()) >= unrest && !t.writings.any() {
		t.report(aboutTree, fmt.Errorf("it has been written to for %s; the last generation stays in service until it is quiet for %s, or "+
			"one file has been written to on end for %s, or one directory for %s", unrest, t.config.Settle, unceasing, unceasingDirectory))
	}
}

// tellEndless says what does not hold back the rest any more.
func (t *Tree) tellEndless(paths []string) {
	for _, path := range paths {
		t.config.Logger.Warn("a file or directory among the assets is written to all the time: what else changes is not held back by it any more",
			zap.String("root", t.config.Root), zap.String("path", path))
	}
}
