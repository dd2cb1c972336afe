package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/fingerprint"
	"github.com/scan2food/usher/handler/static/stamp"
)

// Rewriter stamps the stylesheets and scripts of one directory: each reference to a file of the directory gets the version
// of that file. It is safe for concurrent use.
type Rewriter struct {
	// Prefix is the URL prefix of the directory. It begins and ends with a slash.
	Prefix string
	// VersionQuery are the query parameters that carry a version.
	VersionQuery []string
	// Styles and Scripts are the kinds of files that are rewritten.
	Styles, Scripts bool
	// Logger logs unversioned references in scripts, if scripts are not rewritten.
	Logger *zap.Logger

	mutex  sync.Mutex
	logged map[reference]bool
}

// reference is a reference from a script to an asset, both as URL paths.
type reference struct{ script, asset string }

// Rewrite implements [Rewrite].
func (r *Rewriter) Rewrite(files []Rewritable, version func(path string) (string, bool)) (map[string]Rewritten, Unversioned) {
	rewriter := stamp.New(stamp.Config{
		Prefixes: []string{r.Prefix}, VersionQuery: r.VersionQuery, Styles: r.Styles, Scripts: r.Scripts,
		Version: func(urlPath string) (string, bool) { return version(strings.TrimPrefix(urlPath, r.Prefix)) },
		Digest: func(content []byte) string {
			sum := sha256.Sum256(content)
			return hex.EncodeToString(sum[:fingerprint.StampLength/2])
		},
	})
	var sources []stamp.Source
	original := make(map[string][]byte)
	var unversioned Unversioned
	for _, file := range files {
		source := stamp.Source{Path: r.Prefix + file.Path, Kind: kindOf(file.Path), Content: file.Content}
		switch {
		case source.Kind == stamp.StyleSheet && r.Styles, source.Kind == stamp.JavaScript && r.Scripts:
			sources = append(sources, source)
			original[source.Path] = source.Content
		case source.Kind == stamp.JavaScript:
			for _, child := range rewriter.Children(source) {
				unversioned.add(Child{Script: source.Path, Asset: child.Path, How: child.How})
				r.logUnversioned(Child{Script: source.Path, Asset: child.Path, How: child.How})
			}
		}
	}
	rewritten := make(map[string]Rewritten)
	for urlPath, stamped := range rewriter.Files(sources) {
		name := strings.TrimPrefix(urlPath, r.Prefix)
		switch {
		case stamped.InCycle:
			rewritten[name] = Rewritten{Content: stamped.Content, Version: stamped.Version}
		case !bytes.Equal(stamped.Content, original[urlPath]):
			rewritten[name] = Rewritten{Content: stamped.Content}
		}
	}
	return rewritten, unversioned
}

func (u *Unversioned) add(child Child) {
	if u.Total++; u.Total <= MaxChildren {
		u.Children = append(u.Children, child)
	}
}

func kindOf(name string) stamp.Kind {
	if path.Ext(strings.ToLower(name)) == ".css" {
		return stamp.StyleSheet
	}
	return stamp.JavaScript
}

// logUnversioned logs each asset that a script requests without a version, once. Browsers revalidate these assets on each use.
func (r *Rewriter) logUnversioned(child Child) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := reference{child.Script, child.Asset}
	if r.logged[found] {
		return
	}
	if r.logged == nil {
		r.logged = make(map[reference]bool)
	}
	r.logged[found] = true
	r.Logger.Info("script requests an asset without a version",
		zap.String("script", child.Script), zap.String("asset", child.Asset), zap.String("how", child.How),
		zap.String("fix", "set `stamp js` in versioned_assets"))
}
