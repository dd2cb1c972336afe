package versionedassets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
)

// assetArchives are the archives of the process, by their directories: no two may have the same.
var assetArchives = caddy.NewUsagePool()

// assetArchive is what is kept of a directory: earlier versions, and apart from them, so that neither drives out the other,
// what files are once they are compressed.
type assetArchive struct{ earlier, compressed *archive.Store }

// Destruct has nothing to do: what is kept is for the next process too.
func (assetArchive) Destruct() error { return nil }

// archives returns the archives of a served directory; nil with `keep off`. The tree opens them before it reads the directory.
func (a *Handler) archives(ctx caddy.Context, directory string, promised *promises.Store) (earlier, compressed tree.Archive, err error) {
	if a.Keep < 0 {
		return nil, nil, nil
	}
	size, err := a.KeepBytes()
	if err != nil {
		return nil, nil, err
	}
	pooled, err := a.uses.Load(assetArchives, directory, func() (caddy.Destructor, error) {
		return newAssetArchive(directory, promised, ctx.Logger()), nil
	})
	if err != nil {
		return nil, nil, err
	}
	kept := pooled.(assetArchive)
	for _, store := range []*archive.Store{kept.earlier, kept.compressed} {
		store.Bound(time.Duration(a.Keep), size)
	}
	return kept.earlier, kept.compressed, nil
}

// newAssetArchive has the promises remember the versions that the archive drops.
func newAssetArchive(directory string, promised *promises.Store, logger *zap.Logger) assetArchive {
	log := &throttledLog{logger: logger, about: "keeping earlier versions of assets"}
	dropped := func(path, version string, digest [sha256.Size]byte) {
		if version == "" {
			return
		}
		if err := promised.Add(promises.Promise{Path: path, Version: version, Digest: digest}); err != nil {
			log.report(err)
		}
	}
	return assetArchive{
		earlier: archive.New(archive.Config{Directory: directory, Now: time.Now, Dropped: dropped, Report: log.report}),
		compressed: archive.New(archive.Config{
			Directory: filepath.Join(directory, "compressed"), Now: time.Now,
			Report: (&throttledLog{logger: logger, about: "keeping compressed assets"}).report,
		}),
	}
}

// throttledLog logs what is true of many files at once, as when a directory is removed, once a minute.
type throttledLog struct {
	logger *zap.Logger
	about  string

	mutex  sync.Mutex
	last   time.Time
	untold int
}

func (s *throttledLog) report(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if now := time.Now(); now.Sub(s.last) >= time.Minute {
		s.logger.Warn(s.about, zap.Error(err), zap.Int("untold_before", s.untold))
		s.last, s.untold = now, 0
		return
	}
	s.untold++
}

// keepDirectory is where it is kept what was served of a directory, which may depend on a scope.
func (a *Handler) keepDirectory(root, scope string) (string, error) {
	directory, err := caddy.NewReplacer().ReplaceOrErr(a.KeepDirectory, true, true)
	if err != nil {
		return "", err
	}
	if directory == "" {
		directory = filepath.Join(caddy.AppDataDir(), "usher", "archive")
	}
	sum := sha256.Sum256([]byte(root + "\n" + scope))
	return filepath.Join(directory, hex.EncodeToString(sum[:8])), nil
}

func (a *Handler) KeepBytes() (int64, error) {
	return parseSize(a.KeepSize, archive.DefaultSize)
}

// parseSize takes what is written of memory or disk; nothing stands for the default.
func parseSize(written string, byDefault int64) (int64, error) {
	if written == "" {
		return byDefault, nil
	}
	if strings.Trim(written, "0123456789") == "" {
		return 0, fmt.Errorf("want a size with a unit, such as %sMiB, got %q", written, written)
	}
	size, err := humanize.ParseBytes(written)
	if err != nil || size == 0 || size > 1<<50 {
		return 0, fmt.Errorf("want a size such as 256MiB, got %q", written)
	}
	return int64(size), nil
}

// KeepTime is how long earlier versions are kept. In JSON it is a duration, or "off".
type KeepTime caddy.Duration

// UnmarshalJSON parses a duration, or "off".
func (k *KeepTime) UnmarshalJSON(text []byte) error {
	if string(text) == `"off"` {
		*k = -1
		return nil
	}
	return (*caddy.Duration)(k).UnmarshalJSON(text)
}
