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

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
)

// assetArchives are the archives of the process, by their directories. An archive outlives a reload.
var assetArchives = caddy.NewUsagePool()

// assetArchive is the archive of a site and prefix: earlier versions, and apart from them, so that neither displaces the other,
// compressed forms.
type assetArchive struct {
	earlier, compressed *archive.Store
	logger              *currentLogger
}

// Destruct lets other processes remove the archive when it is old.
func (a assetArchive) Destruct() error { return errors.Join(a.earlier.Close(), a.compressed.Close()) }

// archives returns the archives of a site and prefix; nil with `keep off`. The tree opens them before it reads the directory.
func (a *Handler) archives(ctx caddy.Context, directory string, promised *promises.Store) (earlier, compressed tree.Archive, err error) {
	if a.Keep < 0 {
		return nil, nil, nil
	}
	size, err := a.KeepBytes()
	if err != nil {
		return nil, nil, err
	}
	pooled, err := a.uses.Load(assetArchives, directory, func() (caddy.Destructor, error) {
		return newAssetArchive(directory, promised), nil
	})
	if err != nil {
		return nil, nil, err
	}
	kept := pooled.(assetArchive)
	kept.logger.set(ctx.Logger())
	for _, store := range []*archive.Store{kept.earlier, kept.compressed} {
		store.Bound(time.Duration(a.Keep), size)
	}
	return kept.earlier, kept.compressed, nil
}

// newAssetArchive has the promises remember the versions that the archive removes.
func newAssetArchive(directory string, promised *promises.Store) assetArchive {
	logger := new(currentLogger)
	log := &throttledLog{logger: logger.Logger(), about: "cannot archive earlier versions of assets"}
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
			Report: (&throttledLog{logger: logger.Logger(), about: "cannot store compressed assets"}).report,
		}),
		logger: logger,
	}
}

// throttledLog logs once a minute: if a directory is removed, every file in it is missing.
type throttledLog struct {
	logger *zap.Logger
	about  string

	mutex      sync.Mutex
	last       time.Time
	suppressed int
}

func (s *throttledLog) report(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if now := time.Now(); now.Sub(s.last) >= time.Minute {
		s.logger.Warn(s.about, zap.Error(err), zap.Int("suppressed", s.suppressed))
		s.last, s.suppressed = now, 0
		return
	}
	s.suppressed++
}

// keepDirectory is where the archives of all sites are.
func (a *Handler) keepDirectory() (string, error) {
	directory, err := caddy.NewReplacer().ReplaceOrErr(a.KeepDirectory, true, true)
	if err != nil {
		return "", err
	}
	if directory == "" {
		directory = filepath.Join(caddy.AppDataDir(), "usher", "archive")
	}
	return directory, nil
}

// removeAbandoned removes the archives of sites that are no longer served, when they have not been used for `keep`.
func (a *Handler) removeAbandoned(ctx caddy.Context) {
	directory, err := a.keepDirectory()
	if err != nil {
		return // Provision has reported it
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
