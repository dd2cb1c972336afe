package usher

import (
	"hash/fnv"
	"io"
	"strconv"
	"strings"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/stamp"
)

// pageState is what pages are stamped with at one moment. It is immutable: a page that is on its way while the assets change
// names the versions of one generation.
type pageState struct {
	sites    []assets.Site     // the longest prefix first
	catalogs []*assets.Catalog // of each; nil where there is none yet
	// generation identifies it. It is a part of the entity tags of pages: a page is another one when the assets are.
	generation string
	stamper    *stamp.Stamper
}

// now is the present state.
func (p *stampedPages) now() *pageState {
	if state := p.state.Load(); state != nil && state.isCurrent() {
		return state
	}
	state := &pageState{sites: p.sites}
	for _, site := range p.sites {
		state.catalogs = append(state.catalogs, site.Tree.Current())
	}
	state.generation = generationOf(state.catalogs)
	config := p.config
	config.Version = state.version
	config.Integrity = func(path, present string) (string, bool) { return state.integrity(path, present, p.addIntegrity) }
	state.stamper = stamp.New(config)
	p.state.Store(state)
	return state
}

func (s *pageState) isCurrent() bool {
	for i, site := range s.sites {
		if site.Tree.Current() != s.catalogs[i] {
			return false
		}
	}
	return true
}

func generationOf(catalogs []*assets.Catalog) string {
	sum := fnv.New64a()
	for _, catalog := range catalogs {
		if catalog != nil {
			_, _ = io.WriteString(sum, catalog.State())
		}
		_, _ = io.WriteString(sum, "\n")
	}
	return strconv.FormatUint(sum.Sum64()|1<<63, 36) // always of one length
}

// at finds the site of a URL path, as its number, and the path below its prefix. Not found: -1, or no catalog yet.
func (s *pageState) at(urlPath string) (i int, rest string) {
	for i := range s.sites {
		if rest, below := strings.CutPrefix(urlPath, s.sites[i].Prefix); below {
			if s.catalogs[i] == nil {
				return -1, ""
			}
			return i, rest
		}
	}
	return -1, ""
}

func (s *pageState) version(urlPath string) (string, bool) {
	i, rest := s.at(urlPath)
	if i < 0 {
		return "", false
	}
	return s.catalogs[i].Version(rest)
}

// integrity keeps a true attribute true where other bytes are served than those that it pins. One that is false is the
// page's own error, and stays.
func (s *pageState) integrity(urlPath, present string, add bool) (string, bool) {
	i, rest := s.at(urlPath)
	if i < 0 {
		return "", false
	}
	file := s.catalogs[i].Lookup(rest)
	if file == nil || file.Content == nil {
		return "", false
	}
	if present == "" {
		return file.Integrity(), add
	}
	original := file.Original()
	if original == nil || present == file.Integrity() || !stamp.Pins(present, original) {
		return "", false
	}
	return file.Integrity(), true
}
