package tree

import (
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Config configures a [Tree].
type Config struct {
	// Root is the directory.
	Root string
	// Manifests are the build manifests, absolute or relative to the root. Default: manifests are detected below the
	// root, by name and shape.
	Manifests []string
	// FollowLinks is true if links may lead out of the root.
	FollowLinks bool
	// Memory is how many bytes of content are held in memory. Default 256 MiB.
	Memory int64
	// Settle is how long the tree must be quiet before changes are published. Default 1s.
	Settle time.Duration
	// Vanished is how long a file that is gone from the disk is still served. Default 10s.
	Vanished time.Duration
	// Encode are the codings of variants. Default: no variants.
	Encode []variants.Coding
	// Poll is how often to walk the directory instead of using events. Default: events, and polling where they are
	// unreliable.
	Poll time.Duration
	// Rewrite adds versions to the references in files. Default: references stay as they are.
	Rewrite Rewrite
	// Archive keeps replaced files. Default: they are not kept.
	Archive Archive
	// Variants keeps variants on disk, so that they are made once. Default: each process makes them, as far as memory
	// allows.
	Variants variants.Archive
	// Shared is what the machines of the site share: versions and promises. Requires Archive. Nil: each machine answers its own
	// versions.
	Shared Shared
	// Deltas is whether versions are sent as deltas to versions that clients hold. It requires an archive. Default: they are not.
	Deltas bool
	// Ledger observes names that hold the hash of other content. Nil: none are observed.
	Ledger Ledger
	// Promises remembers the content of URLs that were given out as immutable, and the versions of replaced files that are not
	// archived. Nil: nothing is remembered.
	Promises Promises
	// Prefix is the URL prefix of the root. It begins and ends with a slash.
	Prefix string
	// Immutable matches the URL paths whose content never changes, as the operator says.
	Immutable Patterns
	// Unstamped matches the URL paths that references must name without a version.
	Unstamped Patterns
	// Hide matches the URL paths that are neither archived nor compressed.
	Hide Patterns
	// ReadFailed is called for each file or directory that cannot be read, once as long as the problem lasts. Nil: it is not called.
	ReadFailed func()
	Logger     *zap.Logger
	Now        func() time.Time
}

// maker configures the maker of variants.
func (c *Config) maker() variants.Config {
	return variants.Config{
		Codings: c.Encode, Memory: c.Memory / variantShare, Archive: c.Variants, Now: c.Now,
		Logger: c.Logger.With(zap.String("root", c.Root)),
	}
}

// deltas configures the maker of deltas. Deltas are kept where variants are.
func (c *Config) deltas() deltas.Config {
	return deltas.Config{
		Memory: c.Memory / deltaShare, Archive: c.Variants, Now: c.Now, Logger: c.Logger.With(zap.String("root", c.Root)),
	}
}
