package tree

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// aboutTree is the path of reports on the whole tree.
const aboutTree = "."

// keepReports keeps the reports on files that are not read again.
func (t *Tree) keepReports(entries walkedTree) {
	for path, text := range t.reported {
		if entries.find(path) != nil {
			t.noted[path] = text
		}
	}
}

// report logs why a path cannot be read. A problem that lasts is logged once.
func (t *Tree) report(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) && path != aboutTree && !slices.Contains(t.Config.Manifests, path) {
		return
	}
	known := t.reported[path] == err.Error() || t.noted[path] == err.Error()
	t.noted[path] = err.Error()
	if known {
		return
	}
	t.reported[path] = err.Error()
	if t.Config.ReadFailed != nil {
		t.Config.ReadFailed()
	}
	level := zap.WarnLevel // the other files are served
	if path == aboutTree {
		level = zap.ErrorLevel // no change is served
	}
	t.Config.Logger.Log(level, "reading assets", zap.String("root", t.Config.Root), zap.String("path", path), zap.Error(err))
}

// logDoubts logs files whose names look like versions and are not trusted.
func (t *Tree) logDoubts(catalog *Catalog) {
	const examples = 5
	doubted, paths := 0, []string(nil)
	for file := range catalog.All() {
		if file.Denied.Doubt == fingerprint.NoDoubt || file.Denied.Doubt == fingerprint.OtherBytes && t.Config.Ledger != nil {
			continue // the ledger reports these, once
		}
		if doubted++; doubted <= examples {
			paths = append(paths, file.Path+": "+file.Denied.Detail)
		}
	}
	if doubted > 0 {
		t.Config.Logger.Warn("unproved versions in file names; serving no-cache",
			zap.String("root", t.Config.Root), zap.Int("files", doubted), zap.Strings("for_example", paths))
	}
}

func (t *Tree) progress(files, of int, bytes, ofBytes int64) {
	t.Config.Logger.Info("reading assets", zap.String("root", t.Config.Root),
		zap.Int("files", files), zap.Int("of_files", of), zap.Int64("bytes", bytes), zap.Int64("of_bytes", ofBytes))
}

// warnLinks logs links that are not served, once for each number of them.
func (t *Tree) warnLinks(w *walker) {
	for _, name := range w.leaving {
		t.noted[name] = errLeavesRoot.Error()
	}
	if n := len(w.leaving) + w.skipped; n != t.leaving {
		t.leaving = n
		switch {
		case len(w.leaving) > 0:
			t.Config.Logger.Warn("links lead out of the root; not served", zap.String("root", t.Config.Root),
				zap.Int("links", len(w.leaving)), zap.String("for_example", w.leaving[0]), zap.String("fix", "symlinks follow"))
		case w.skipped > 0:
			t.Config.Logger.Warn("too many linked paths; some not served", zap.String("root", t.Config.Root),
				zap.Int("links", w.skipped), zap.Int("paths", maxPaths))
		}
	}
}

// difference counts what a generation adds, changes and removes.
type difference struct{ added, changed, removed int }

func (c *Catalog) difference(next *Catalog) (d difference) {
	for path, file := range next.files {
		switch before := c.Lookup(path); {
		case before == nil:
			d.added++
		case before.digest != file.digest:
			d.changed++
		}
	}
	d.removed = c.Files() + d.added - next.Files()
	return d
}

// logPublished logs a new generation, and warns if most files are gone: a build may have failed half-way.
func (t *Tree) logPublished(current, next *Catalog, started time.Time) {
	if current == nil {
		current = &Catalog{}
	}
	d := current.difference(next)
	t.Config.Logger.Info("published assets",
		zap.String("root", t.Config.Root),
		zap.String("generation", next.Generation),
		zap.Int("files", next.Files()),
		zap.Int("added", d.added), zap.Int("changed", d.changed), zap.Int("removed", d.removed),
		zap.Duration("duration", t.Config.Now().Sub(started)))
	if d.removed*2 > current.Files() {
		t.Config.Logger.Warn("more than half of the files were removed",
			zap.String("root", t.Config.Root), zap.Int("removed", d.removed), zap.Int("files", next.Files()))
	}
}
