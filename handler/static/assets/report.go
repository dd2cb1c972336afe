package assets

import (
	"errors"
	"io/fs"
	"slices"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// aboutTree is the path under which it is reported what is true of the whole tree.
const aboutTree = "."

// keepReports keeps what was said of files that are not read again: it is still true.
func (t *Tree) keepReports(entries walkedTree) {
	for path, said := range t.reported {
		if entries.find(path) != nil {
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
