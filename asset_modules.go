package usher

import (
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/stamp"
)

// moduleGraphs finds the scripts of one directory that can be named under the prefix of a generation. As [rewriter] it knows
// nothing of the configuration that made it.
type moduleGraphs struct {
	prefix  string
	stamper *stamp.Stamper // of all prefixes of the site
	logger  *zap.Logger

	mutex sync.Mutex
	told  map[string]bool
}

func newModuleGraphs(prefix string, prefixes []string, logger *zap.Logger) *moduleGraphs {
	stamper := stamp.New(stamp.Config{Prefixes: prefixes})
	return &moduleGraphs{prefix: prefix, stamper: stamper, logger: logger, told: make(map[string]bool)}
}

// Read is what a script says of others.
func (m *moduleGraphs) Read(path string, content []byte) any {
	if content == nil {
		return stamp.Links{Unknown: true}
	}
	return m.stamper.Links(m.prefix+path, content)
}

// Whole tells which of the scripts are reached by the prefix alone.
func (m *moduleGraphs) Whole(read map[string]any, needed func(string) bool) (whole map[string]bool, elsewhere []string) {
	links := make(map[string]stamp.Links, len(read))
	for path, what := range read {
		link := what.(stamp.Links)
		inherited := slices.Concat(link.Inherits, link.InheritsBelow)
		others := m.others(slices.Concat(inherited, link.Names, link.Imports, link.NamesBelow))
		link.Leaves = link.Leaves || len(m.others(inherited)) > 0
		if link.Unknown {
			others = m.stamper.Prefixes
			m.tellUnknown(m.prefix + path)
		}
		for _, prefix := range others {
			if !slices.Contains(elsewhere, prefix) {
				elsewhere = append(elsewhere, prefix)
			}
		}
		links[m.prefix+path] = link
	}
	whole = make(map[string]bool)
	for urlPath := range stamp.Whole(links, func(p string) bool { return needed(strings.TrimPrefix(p, m.prefix)) }) {
		whole[strings.TrimPrefix(urlPath, m.prefix)] = true
	}
	return whole, elsewhere
}

// tellUnknown says once because of which script all modules keep their plain URLs.
func (m *moduleGraphs) tellUnknown(script string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.told[script] {
		m.told[script] = true
		m.logger.Info("a script imports what cannot be told, and so all modules are revalidated each time", zap.String("script", script))
	}
}

// others are the prefixes of other directories that paths are below.
func (m *moduleGraphs) others(urlPaths []string) (prefixes []string) {
	for _, urlPath := range urlPaths {
		if owner := m.stamper.Owner(urlPath); owner != m.prefix && owner != "" {
			prefixes = append(prefixes, owner)
		}
	}
	return prefixes
}

var _ assets.Modules = (*moduleGraphs)(nil)
