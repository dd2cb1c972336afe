package versionedassets

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/promises"
)

// assetArchives holds the archives of the process, by directory. An archive survives reloads.
var assetArchives = caddy.NewUsagePool()

// assetArchive is the archive of a site and prefix. Earlier versions and compressed files have a store each, so that neither
// displaces the other.
type assetArchive struct {
	earlier, compressed *archive.Store
	logger              *currentLogger
}

// Destruct lets other processes remove the archive when it is old.
func (a assetArchive) Destruct() error { return errors.Join(a.earlier.Close(), a.compressed.Close()) }

// archives returns the archives of a site and prefix, or nil with `keep off`. The tree opens them before it reads the
// directory.
func (a *Handler) archives(ctx caddy.Context, directory string, promised *promises.Store) (earlier tree.Archive, compressed variants.Archive, err error) {
	if a.Keep < 0 {
		return nil, nil, nil
	}
	size, err := a.KeepBytes()
	if err != nil {
		return nil, nil, err
	}
	keep, logger := time.Duration(a.Keep), ctx.Logger()
	pooled, err := a.pooled.Load(assetArchives, directory, func() (caddy.Destructor, error) {
		return newAssetArchive(directory, promised, keep, size, logger), nil
	})
	if err != nil {
		return nil, nil, err
	}
	stores := pooled.(assetArchive)
	a.whenInForce(func() {
		stores.logger.set(logger)
		stores.earlier.Bound(keep, size)
		stores.compressed.Bound(keep, size)
	})
	return stores.earlier, stores.compressed, nil
}

// newAssetArchive returns an archive that adds a promise for each version that it removes.
func newAssetArchive(directory string, promised *promises.Store, keep time.Duration, size int64, first *zap.Logger) assetArchive {
	logger := new(currentLogger)
	logger.set(first)
	log := &throttledLog{logger: logger.Logger(), message: "archive error; earlier versions may be missing"}
	dropped := func(path, version string, digest [sha256.Size]byte) {
		if version == "" {
			return
		}
		if err := promised.Add(promises.Promise{Path: path, Version: version, Digest: digest}); err != nil {
			log.report(err)
		}
	}
	return assetArchive{
		earlier: archive.New(archive.Config{
			Directory: directory, Keep: keep, Size: size, Now: time.Now, Dropped: dropped, Report: log.report,
		}),
		compressed: archive.New(archive.Config{
			Directory: filepath.Join(directory, "compressed"), Keep: keep, Size: size, Now: time.Now,
			Report: (&throttledLog{logger: logger.Logger(), message: "archive error; assets may be compressed again"}).report,
		}),
		logger: logger,
	}
}

// throttledLog logs at most one error a minute. If the archive directory is removed, each file has an error.
type throttledLog struct {
	logger  *zap.Logger
	message string

	mutex      sync.Mutex
	last       time.Time
	suppressed int
}

func (l *throttledLog) report(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if now := time.Now(); now.Sub(l.last) >= time.Minute {
		l.logger.Warn(l.message, zap.Error(err), zap.Int("suppressed", l.suppressed))
		l.last, l.suppressed = now, 0
		return
	}
	l.suppressed++
}

// keepDirectory returns the directory of all archives.
func (a *Handler) keepDirectory() (string, error) {
	if a.KeepDirectory == "" {
		return filepath.Join(caddy.AppDataDir(), "usher", "archive"), nil
	}
	return lifecycle.Resolve(a.KeepDirectory)
}

// removeAbandoned removes the archives of sites that are no longer served, when they have not been used for `keep`.
func (a *Handler) removeAbandoned(ctx caddy.Context) {
	directory, err := a.keepDirectory()
	if err != nil {
		return // reported by Provision
	}
	keep := time.Duration(a.Keep)
	if keep <= 0 {
		keep = archive.DefaultKeep
	}
	for {
		removed, err := archive.RemoveAbandoned(directory, keep, promises.Lifetime, time.Now())
		if err != nil {
			ctx.Logger().Warn("cannot remove old archives", zap.String("directory", directory), zap.Error(err))
		}
		if len(removed) > 0 {
			ctx.Logger().Info("removed archives of sites that are gone", zap.String("directory", directory), zap.Strings("archives", removed))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(keep):
		}
	}
}

// KeepBytes returns KeepSize as a number of bytes.
func (a *Handler) KeepBytes() (int64, error) {
	return parseSize(a.KeepSize, archive.DefaultSize)
}

// parseSize parses a size of memory or disk. An empty text is the default.
func parseSize(text string, byDefault int64) (int64, error) {
	if text == "" {
		return byDefault, nil
	}
	if strings.Trim(text, "0123456789") == "" {
		return 0, fmt.Errorf("want a size with a unit, such as %sMiB, got %q", text, text)
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > 1<<50 {
		return 0, fmt.Errorf("want a size such as 256MiB, got %q", text)
	}
	return int64(size), nil
}

// KeepTime is how long earlier versions are archived. In JSON it is a duration or "off".
type KeepTime caddy.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (k *KeepTime) UnmarshalJSON(text []byte) error {
	if string(text) == `"off"` {
		*k = -1
		return nil
	}
	return (*caddy.Duration)(k).UnmarshalJSON(text)
}
