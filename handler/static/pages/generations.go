package pages

import (
	"sync"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Generations follows the generation that the pages of a site are stamped with.
type Generations struct {
	sites    []assets.Site
	unfollow []func()

	mutex             sync.Mutex
	current, previous string
}

// Follow follows the generation of sites until Destruct.
func Follow(sites []assets.Site) *Generations {
	g := &Generations{sites: sites}
	for _, site := range sites {
		g.unfollow = append(g.unfollow, site.Tree.OnPublish(g.note))
	}
	g.note()
	return g
}

// Destruct ends the following. It implements caddy.Destructor.
func (g *Generations) Destruct() error {
	for _, unfollow := range g.unfollow {
		unfollow()
	}
	return nil
}

// note looks for a new generation.
func (g *Generations) note() {
	catalogs := make([]*tree.Catalog, 0, len(g.sites))
	for _, site := range g.sites {
		catalog := site.Tree.Current()
		if catalog == nil {
			return // it is not read yet
		}
		catalogs = append(catalogs, catalog)
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	next := generationOf(catalogs)
	if next == g.current {
		return
	}
	g.previous, g.current = g.current, next
}

// latest returns the current generation, or "" before the directories have been read.
func (g *Generations) latest() string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.current
}

// Admits reports whether a generation is the current one, or the one before it if previousToo. Before the first generation it
// admits any.
func (g *Generations) Admits(generation string, previousToo bool) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.current == "" || generation == g.current || previousToo && generation == g.previous
}
