package tree

import (
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets/variants"
)

// TreeConfig is what a [Tree] is made of.
type Config struct {
	// Root is the directory.
	Root string
	// Manifests are the build manifests, absolute or relative to the root. None: they are recognised below the root, by
	// name and shape.
	Manifests []string
	// FollowLinks is true if links may lead out of the root.
	FollowLinks bool
	// Memory is how many bytes of content are held in memory. Default 256 MiB.
	Memory int64
	// Settle is how long the tree must be quiet before a change counts. Default 1s.
	Settle time.Duration
	// Vanished is how long a file that is gone from the disk is still served. Default 10s.
	Vanished time.Duration
	// Encode are the codings that files are put into. Nil: none.
	Encode []variants.Coding
	// Poll is how often to look for changes, instead of waiting for the file system to tell of them. Zero: it is waited,
	// and looked where that does not work.
	Poll time.Duration
	// Rewrite has files refer to the versions of others. Nil: they are served as they are.
	Rewrite Rewrite
	// Archive keeps what is replaced. Nil: it is gone.
	Archive Archive
	// Variants keeps what files are in other codings, so that it is made once. Nil: it is made by each process, for as much as
	// there is memory.
	Variants variants.Archive
	// Ledger observes names that hold the hash of other content. Nil: none are observed.
	Ledger Ledger
	// Promises remembers the content of URLs that were given out as immutable, and the versions of replaced files that are not
	// archived. Nil: nothing is remembered.
	Promises Promises
	// Prefix is the URL prefix of the root. It begins and ends with a slash.
	Prefix string
	// Immutable matches the URL paths whose content never changes, as the operator says.
	Immutable Patterns
	// Logger is told of generations, and of what could not be read.
	Logger *zap.Logger
	Now    func() time.Time
}

// maker configures the maker of variants.
func (c *Config) maker() variants.Config {
	return variants.Config{
		Codings: c.Encode, Memory: c.Memory / variantShare, Archive: c.Variants, Now: c.Now,
		Logger: c.Logger.With(zap.String("root", c.Root)),
	}
}
