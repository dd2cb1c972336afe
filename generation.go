package usher

import (
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/assets"
)

// generations follows what the pages of a site are stamped with. It outlives configurations, as the directories do.
type generations struct {
	sites    []assets.Site
	unfollow []func()

	mutex             sync.Mutex
	current, previous string
}

// siteGenerations are those of the process, by the keys of their directories.
var siteGenerations = caddy.NewUsagePool()

func newGenerations(sites []assets.Site, trees []*assets.Tree) *generations {
	g := &generations{sites: sites}
	for _, tree := range trees {
		g.unfollow = append(g.unfollow, tree.OnPublish(g.note))
	}
	g.note()
	return g
}

// Destruct ends the following.
func (g *generations) Destruct() error {
	for _, unfollow := range g.unfollow {
		unfollow()
	}
	return nil
}

// note looks whether there is another generation.
func (g *generations) note() {
	catalogs := make([]*assets.Catalog, 0, len(g.sites))
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
func (g *generations) latest() string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.current
}

// admits reports whether a page is recent enough.
func (g *generations) admits(generation string, previousToo bool) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.current == "" || generation == g.current || previousToo && generation == g.previous
}

// servedGenerations are those of the servers of the process, for their gates to ask.
var servedGenerations liveSet[servedGeneration]

type servedGeneration struct {
	server *caddyhttp.Server
	*generations
}

// knowsGenerations reports a server whose pages are told their generation.
func knowsGenerations(server *caddyhttp.Server) bool {
	return slices.ContainsFunc(servedGenerations.all(), func(one servedGeneration) bool { return one.server == server })
}

// isOutdated reports a page that no site of a server has served recently enough. Where nothing is stamped, none is.
func isOutdated(server *caddyhttp.Server, generation string, previousToo bool) bool {
	asked := false
	for _, one := range servedGenerations.all() {
		if one.server != server {
			continue
		}
		if one.admits(generation, previousToo) {
			return false
		}
		asked = true
	}
	return asked
}

// followGenerations has the site's generations known to its gates, and to its pages.
func (a *VersionedAssets) followGenerations(ctx caddy.Context) error {
	var keys []string
	var trees []*assets.Tree
	for _, served := range a.served {
		keys = append(keys, served.key)
		trees = append(trees, served.tree)
	}
	pooled, err := a.uses.Load(siteGenerations, strings.Join(keys, "\n"), func() (caddy.Destructor, error) {
		return newGenerations(a.handler.Sites, trees), nil
	})
	if err != nil {
		return err
	}
	a.generations = pooled.(*generations)
	if server := lifecycle.Server(ctx); server != nil && a.pages != nil {
		a.announced = servedGeneration{server, a.generations}
		servedGenerations.add(a.announced)
	}
	return nil
}
