package versionedassets

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
)

// Root is a served directory and its URL prefix.
type Root struct {
	// The URL prefix, such as `/static/`.
	Prefix string `json:"prefix"`

	// The directory. Placeholders are replaced when the configuration loads.
	Root string `json:"root"`

	// The file and line of the configuration, for error messages.
	Source string `json:"source,omitempty"`
}

// servedRoot is a Root that is open.
type servedRoot struct {
	app     *caddyhttp.App // of its configuration
	server  *caddyhttp.Server
	site    string // see siteOf
	kept    *keptSites
	hosts   []string
	prefix  string // of URLs
	stamped bool   // in pages
	root    string
	name    string // see archiveName; machines that share versions use it
	archive string // the directory
	tree    *tree.Tree
	key     string // of the tree in assetTrees

	versions *staleVersions
	promises *promises.Store

	rewritten atomic.Pointer[rewrittenFile] // nil if no rewrite changes the URLs of files

	hasPages bool // other handlers of the site may respond with pages

	// What pages of other hosts need to know, see pages.Host.
	mounts, versionQuery []string
	styles               bool
}

// servedRoots are the roots of all loaded configurations.
var servedRoots lifecycle.PerServer[*servedRoot]

// assetTrees holds the trees of the process, by treeKey. A tree survives reloads that do not change it.
var assetTrees = caddy.NewUsagePool()

type assetTree struct {
	*tree.Tree
	logger *currentLogger
}

// Destruct implements caddy.Destructor.
func (t assetTree) Destruct() error {
	t.Close()
	return nil
}

// open opens a directory, or returns the tree of an earlier configuration.
func (a *Handler) open(ctx caddy.Context, r *Root, memory int64) (*servedRoot, error) {
	served := &servedRoot{app: lifecycle.HTTPApp(ctx), server: lifecycle.Server(ctx), prefix: r.Prefix}
	if served.server != nil {
		served.hosts = lifecycle.Hosts(served.server)
	}
	served.site, served.stamped = siteOf(served.server, served.hosts), a.Stamps(StampHTML)
	own := ctx.Logger().With(zap.String("site", served.site), zap.String("prefix", r.Prefix))
	logger := new(currentLogger)
	logger.set(own)
	config, err := a.treeConfig(r, memory, logger.Logger())
	if err != nil {
		return nil, err
	}
	kept, err := a.keepDirectory()
	if err != nil {
		return nil, fmt.Errorf("keep_directory: %w", err)
	}
	served.root, served.hasPages = config.Root, !a.placed || a.place.responds
	served.mounts, served.versionQuery, served.styles = a.place.mounts(), a.VersionQuery, a.Stamps(StampCSS)
	served.kept = keptSitesOf(served, kept)
	served.name = archiveName(served)
	served.archive = filepath.Join(served.kept.directory, served.kept.nameFor(served))
	served.kept.add(filepath.Base(served.archive), served.record(), time.Now())
	directory := served.archive
	if err := a.checkArchiveDirectory(directory); err != nil {
		return nil, err
	}
	history, err := a.openHistory(ctx, served)
	if err != nil {
		return nil, err
	}
	served.versions, served.promises = newStaleVersions(history.ledger, r.Prefix, ctx.Logger()), history.promises
	config.Ledger, config.Promises = newStaleVersions(history.ledger, r.Prefix, config.Logger), history.promises
	if config.Archive, config.Variants, err = a.archives(ctx, directory, history.promises); err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	shared, sharedKey, err := a.shareVersions(ctx, served.name, r.Prefix)
	if err != nil {
		return nil, fmt.Errorf("shared: %w", err)
	}
	config.Shared = shared
	served.key = a.treeKey(a.urlsOf(served), config) + sharedKey
	pooled, err := a.pooled.Load(assetTrees, served.key, func() (caddy.Destructor, error) {
		opened, err := tree.Open(config)
		return assetTree{opened, logger}, err
	})
	if err != nil {
		return nil, err
	}
	opened := pooled.(assetTree)
	a.whenInForce(func() { opened.logger.set(own) })
	served.tree = opened.Tree
	a.served = append(a.served, served)
	servedRoots.Add(served.server, served)
	return served, nil
}

// treeConfig returns the configuration of a tree, but for its archive and history.
func (a *Handler) treeConfig(r *Root, memory int64, logger *zap.Logger) (tree.Config, error) {
	root, err := servedDirectory(r.Root)
	if err != nil {
		return tree.Config{}, err
	}
	manifests, err := a.manifests()
	if err != nil {
		return tree.Config{}, fmt.Errorf("manifest: %w", err)
	}
	config := tree.Config{
		Root: root, Manifests: manifests, Memory: memory,
		Settle: time.Duration(a.Settle), Vanished: time.Duration(a.Vanished), Poll: time.Duration(a.Poll),
		Encode: a.handler.Encode, Logger: logger, Now: time.Now,
		Prefix: r.Prefix, Immutable: a.Immutable, Unstamped: a.Unstamped, FollowLinks: a.Symlinks == linksFollow,
		Deltas: a.Deltas, Hide: a.Hide, ReadFailed: readErrorsTotal.WithLabelValues(r.Prefix).Inc,
	}
	if len(a.Stamp) > 0 {
		rewriter := &tree.Rewriter{
			Prefix: a.place.mounts()[0] + r.Prefix, VersionQuery: a.VersionQuery, Styles: a.Stamps(StampCSS), Scripts: a.Stamps(StampJS), Logger: logger,
		}
		config.Rewrite = rewriter.Rewrite
	}
	return config, nil
}

// treeKey returns the key of a tree. Trees with different content, archives or URLs have different keys.
func (a *Handler) treeKey(urls string, config tree.Config) string {
	key := fmt.Sprintf("%s %q %q %d %d %d %d %v %q %q %t %t %t", urls, config.Root, config.Manifests, config.Memory, a.Settle, a.Vanished,
		a.Poll, config.Encode, a.Immutable, a.Hide, config.Archive != nil, config.FollowLinks, config.Deltas)
	if len(a.Stamp) > 0 {
		key += fmt.Sprintf(" %q %q %q %s%s", a.Stamp, a.VersionQuery, a.Unstamped, a.place.mounts()[0], config.Prefix)
	}
	return key
}

// manifests returns the paths of the manifests without placeholders.
func (a *Handler) manifests() ([]string, error) {
	var names []string
	for _, written := range a.Manifest {
		name, err := lifecycle.Resolve(written)
		if err != nil {
			return nil, err
		}
		names = append(names, filepath.Clean(name))
	}
	return names, nil
}

// servedDirectory returns the absolute path of a root without placeholders.
func servedDirectory(root string) (string, error) {
	directory, err := lifecycle.Resolve(root)
	if err != nil {
		return "", err
	}
	return filepath.Abs(directory)
}
