package pages

import (
	"slices"
	"sync"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Generations follows the generation that the pages of a site are stamped with.
type Generations struct {
	own      []*tree.Tree
	unfollow []func()

	mutex             sync.Mutex
	others            []*tree.Tree // of hosts that are a part of the pages
	unfollowOthers    []func()
	current, previous string
}

// Follow follows the generation of sites until Destruct.
func Follow(sites []assets.Site) *Generations {
	g := new(Generations)
	for _, site := range sites {
		g.own = append(g.own, site.Tree)
	}
	g.unfollow = g.follow(g.own)
	g.note()
	return g
}

// FollowHosts follows the hosts that are a part of the pages too, instead of those of the last call.
func (g *Generations) FollowHosts(hosts []Host) {
	var others []*tree.Tree
	for _, host := range hosts {
		if host.IsPart {
			others = append(others, host.Site.Tree)
		}
	}
	unfollow := g.follow(others)
	g.mutex.Lock()
	unfollow, g.unfollowOthers, g.others = g.unfollowOthers, unfollow, others
	g.mutex.Unlock()
	callAll(unfollow)
	g.note()
}

// follow must not be called while the mutex is held, since a tree that is publishing calls note.
func (g *Generations) follow(trees []*tree.Tree) (unfollow []func()) {
	for _, t := range trees {
		unfollow = append(unfollow, t.OnPublish(g.note))
	}
	return unfollow
}

func callAll(calls []func()) {
	for _, call := range calls {
		call()
	}
}

// Destruct ends the following. It implements caddy.Destructor.
func (g *Generations) Destruct() error {
	g.mutex.Lock()
	others := g.unfollowOthers
	g.mutex.Unlock()
	callAll(g.unfollow)
	callAll(others)
	return nil
}

// note records a new generation, if there is one.
func (g *Generations) note() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	var catalogs []*tree.Catalog
	for _, t := range slices.Concat(g.own, g.others) {
		catalog := t.Current()
		if catalog == nil {
			return // it is not read yet
		}
		catalogs = append(catalogs, catalog)
	}
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
