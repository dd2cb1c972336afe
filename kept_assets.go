package usher

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/archive"
	"github.com/scan2food/usher/handler/assets"
	"github.com/scan2food/usher/handler/ledger"
)

// assetArchives are the archives of the process, by their directories: no two may have the same.
var assetArchives = caddy.NewUsagePool()

type assetArchive struct{ *archive.Store }

// Destruct has nothing to do: what is kept is for the next process too.
func (assetArchive) Destruct() error { return nil }

// archive is where earlier versions of a served directory are kept; nil where they are not. A data directory that cannot be
// used is said, and the assets are served without. Versions that were kept until now, and are not any more, go to the ledger.
func (a *VersionedAssets) archive(ctx caddy.Context, directory string, versions *ledger.Ledger) (assets.Archive, error) {
	if a.Keep < 0 {
		return nil, nil
	}
	size, err := a.keepSize()
	if err != nil {
		return nil, err
	}
	logger := ctx.Logger()
	pooled, _, err := assetArchives.LoadOrNew(directory, func() (caddy.Destructor, error) {
		store, err := archive.Open(archive.Config{
			Directory: directory, Now: time.Now, Dropped: versions.Proved,
			Report: func(err error) { logger.Error("earlier versions of assets", zap.Error(err)) },
		})
		return assetArchive{store}, err
	})
	if err != nil {
		logger.Error("earlier versions of assets are not kept", zap.String("directory", directory), zap.Error(err))
		return nil, nil
	}
	a.kept = append(a.kept, directory)
	store := pooled.(assetArchive).Store
	store.Bound(time.Duration(a.Keep), size)
	return store, nil
}

// keepDirectory is where it is kept what was served of a directory, which may depend on a scope.
func (a *VersionedAssets) keepDirectory(root, scope string) (string, error) {
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

func (a *VersionedAssets) keepSize() (int64, error) {
	if a.KeepSize == "" {
		return archive.DefaultSize, nil
	}
	size, err := humanize.ParseBytes(a.KeepSize)
	if err != nil || size == 0 || size > 1<<50 {
		return 0, fmt.Errorf("want a size such as 256MiB, got %q", a.KeepSize)
	}
	return int64(size), nil
}
