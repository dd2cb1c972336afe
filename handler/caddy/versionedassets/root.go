package versionedassets

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
)

// AssetRoot is a directory and the URL prefix under which it is served.
type Root struct {
	// The URL prefix, such as `/static/`.
	Prefix string `json:"prefix"`

	// The directory. Placeholders are replaced when the configuration loads.
	Root string `json:"root"`

	// Where it stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

type servedRoot struct {
	server *caddyhttp.Server
	prefix string // of URLs
	root   string
	tree   *tree.Tree
	key    string // of the tree, in its pool

	versions *staleVersions
	promises *promises.Store
}

// assetTrees are the directories that are followed. A reload finds the one it had, and two sites with one root share it.
var assetTrees = caddy.NewUsagePool()

type assetTree struct{ *tree.Tree }

// Destruct ends the following of the directory.
func (t assetTree) Destruct() error {
	t.Close()
	return nil
}

// open opens a directory, or finds it where the configuration before has it open.
func (a *Handler) open(ctx caddy.Context, r *Root, memory int64) (*servedRoot, error) {
	config, err := a.treeConfig(ctx, r, memory)
	if err != nil {
		return nil, err
	}
	directory, err := a.keepDirectory(config.Root, a.scopeOf(r))
	if err != nil {
		return nil, fmt.Errorf("keep_directory: %w", err)
	}
	if err := a.checkKept(directory); err != nil {
		return nil, err
	}
	history, err := a.openHistory(directory)
	if err != nil {
		return nil, err
	}
	served := &servedRoot{
		server: lifecycle.Server(ctx), prefix: r.Prefix, root: config.Root,
		versions: newStaleVersions(history.ledger, r.Prefix, ctx.Logger()), promises: history.promises,
	}
	config.Ledger, config.Promises = served.versions, history.promises
	if config.Archive, config.Variants, err = a.archives(ctx, directory, history.promises); err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	served.key = a.treeKey(r, config)
	tree, err := a.uses.Load(assetTrees, served.key, func() (caddy.Destructor, error) {
		tree, err := tree.Open(config)
		return assetTree{tree}, err
	})
	if err != nil {
		return nil, err
	}
	served.tree = tree.(assetTree).Tree
	a.served = append(a.served, served)
	return served, nil
}

// treeConfig is how a directory is followed and served, but for what is kept of it.
func (a *Handler) treeConfig(ctx caddy.Context, r *Root, memory int64) (tree.Config, error) {
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
		Encode: a.handler.Encode, Logger: ctx.Logger(), Now: time.Now,
		Prefix: r.Prefix, Immutable: a.Immutable, FollowLinks: a.Symlinks == linksFollow,
	}
	if len(a.Stamp) > 0 {
		rewriter := &tree.Rewriter{
			Prefix: r.Prefix, VersionQuery: a.VersionQuery, Styles: a.Stamps(StampCSS), Scripts: a.Stamps(StampJS), Logger: ctx.Logger(),
		}
		config.Rewrite = rewriter.Rewrite
	}
	return config, nil
}

// treeKey tells trees apart of which not the same would be served.
func (a *Handler) treeKey(r *Root, config tree.Config) string {
	key := fmt.Sprintf("%s %q %d %d %d %d %v %q %t %t", config.Root, config.Manifests, config.Memory, a.Settle, a.Vanished, a.Poll,
		config.Encode, a.scopeOf(r), config.Archive != nil, config.FollowLinks)
	if len(a.Immutable) > 0 {
		key += fmt.Sprintf(" %s %q", r.Prefix, a.Immutable)
	}
	if len(a.Stamp) > 0 {
		key += fmt.Sprintf(" %q %q", a.Stamp, a.VersionQuery)
	}
	return key
}

// scopeOf is where a directory is served, if what is served depends on it: if it is rewritten.
func (a *Handler) scopeOf(r *Root) string {
	if len(a.Stamp) == 0 {
		return ""
	}
	return r.Prefix
}

// manifests are the manifests with their placeholders replaced.
func (a *Handler) manifests() ([]string, error) {
	var names []string
	for _, written := range a.Manifest {
		name, err := caddy.NewReplacer().ReplaceOrErr(written, true, true)
		if err != nil {
			return nil, err
		}
		names = append(names, filepath.Clean(name))
	}
	return names, nil
}

// servedDirectory is the directory that a root names, whole.
func servedDirectory(root string) (string, error) {
	directory, err := lifecycle.Resolve(root)
	if err != nil {
		return "", err
	}
	return filepath.Abs(directory)
}
