package versionedassets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/fingerprint"
	"github.com/scan2food/usher/handler/static/pages"
	"github.com/scan2food/usher/handler/static/stamp"
)

// What may be stamped.
const (
	StampHTML = "html"
	StampCSS  = "css"
	StampJS   = "js"
)

// checkStamp is for JSON configurations; a Caddyfile says more of where it is wrong.
func (a *Handler) CheckStamp() error {
	for _, word := range a.Stamp {
		if word != StampHTML && word != StampCSS && word != StampJS {
			return fmt.Errorf("stamp: want html, css or js, got %q", word)
		}
	}
	if a.Integrity && !slices.Contains(a.Stamp, StampHTML) {
		return fmt.Errorf("stamp: want html beside integrity, got %q", a.Stamp)
	}
	return nil
}

func (a *Handler) Stamps(word string) bool { return slices.Contains(a.Stamp, word) }

// newPages makes the Stamper of the site's pages, or nil if pages pass as they are.
func (a *Handler) newPages() *pages.Stamper {
	if !a.Stamps(StampHTML) {
		return nil
	}
	return pages.New(pages.Config{
		Sites: a.handler.Sites, VersionQuery: a.VersionQuery, Styles: a.Stamps(StampCSS), Scripts: a.Stamps(StampJS),
		AddIntegrity: a.Integrity, ForgetBefore: a.ForgetBefore,
		OriginalURL: request.OriginalURL,
		Scheme:      func(r *http.Request) string { scheme, _ := request.ExternalOrigin(r); return scheme },
	})
}

// rewriter gives the stylesheets and scripts of one directory the versions of what they refer to there. It knows nothing
// of the configuration that made it: the directory outlives that.
type rewriter struct {
	prefix      string
	words       []string
	versionWord []string
	logger      *zap.Logger

	mutex sync.Mutex
	told  map[string]bool
}

func (r *rewriter) rewrite(files []assets.Rewritable, version func(string) (string, bool)) map[string]assets.Rewritten {
	config := stamp.Config{
		Prefixes: []string{r.prefix}, VersionQuery: r.versionWord,
		Version: func(urlPath string) (string, bool) { return version(strings.TrimPrefix(urlPath, r.prefix)) },
		Styles:  slices.Contains(r.words, StampCSS), Scripts: slices.Contains(r.words, StampJS),
		Digest: func(content []byte) string {
			sum := sha256.Sum256(content)
			return hex.EncodeToString(sum[:fingerprint.StampLength/2])
		},
	}
	stamper := stamp.New(config)
	var sources []stamp.Source
	for _, file := range files {
		source := stamp.Source{Path: r.prefix + file.Path, Content: file.Content}
		if path.Ext(strings.ToLower(file.Path)) != ".css" {
			source.Kind = stamp.JavaScript
		}
		switch {
		case source.Kind == stamp.StyleSheet && config.Styles, source.Kind == stamp.JavaScript && config.Scripts:
			sources = append(sources, source)
		case source.Kind == stamp.JavaScript:
			r.tellChildren(stamper, source)
		}
	}
	rewritten := make(map[string]assets.Rewritten)
	for urlPath, stamped := range stamper.Files(sources) {
		if !stamped.Circle && bytes.Equal(stamped.Content, contentOf(sources, urlPath)) {
			continue
		}
		result := assets.Rewritten{Content: stamped.Content}
		if stamped.Circle {
			result.Version = stamped.Version
		}
		rewritten[strings.TrimPrefix(urlPath, r.prefix)] = result
	}
	return rewritten
}

// contentOf looks a source up. They are in the order of their paths.
func contentOf(sources []stamp.Source, urlPath string) []byte {
	i, found := slices.BinarySearchFunc(sources, urlPath, func(s stamp.Source, p string) int { return strings.Compare(s.Path, p) })
	if !found {
		return nil
	}
	return sources[i].Content
}

// tellChildren says once which assets a script asks for without a version: they are revalidated each time.
func (r *rewriter) tellChildren(stamper *stamp.Stamper, source stamp.Source) {
	for _, child := range stamper.Children(source) {
		key := source.Path + "\n" + child.Path
		r.mutex.Lock()
		told := r.told[key]
		r.told[key] = true
		r.mutex.Unlock()
		if !told {
			r.logger.Info("a script asks for an asset without a version; `stamp js` would give it one",
				zap.String("script", source.Path), zap.String("asset", child.Path), zap.String("how", child.How))
		}
	}
}
