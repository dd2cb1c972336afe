package versionedassets

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/promises"
)

// keptSites are the archives below keep_directory, and those that the roots of a configuration will have. They are read once for all
// roots of the configuration.
type keptSites struct {
	directory string
	archives  map[string]*keptSite // by name
	byHost    map[string][]string  // names
	patterns  []string             // names of archives with a host that is a pattern
	unknown   error                // why they cannot be read
	claimed   map[string]bool      // the names of the archives that a site of the configuration has by its identity
}

type keptSite struct {
	siteRecord
	used time.Time
}

func (k *keptSites) add(name string, record siteRecord, used time.Time) {
	if k.archives[name] == nil {
		k.archives[name] = &keptSite{used: used}
	}
	k.archives[name].add(record)
	for _, host := range record.Hosts {
		if k.byHost[host] = append(k.byHost[host], name); isPattern(host) {
			k.patterns = append(k.patterns, name)
		}
	}
}

// near returns the names of the archives that may have a host in common with a site, in order.
func (k *keptSites) near(hosts *hostSet) []string {
	if len(hosts.patterns) > 0 {
		return slices.Sorted(maps.Keys(k.archives))
	}
	names := slices.Clone(k.patterns)
	for _, host := range hosts.hosts {
		names = append(names, k.byHost[host]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// keptSitesOf returns the archives that a root may find.
func keptSitesOf(r *servedRoot, directory string) *keptSites {
	for other := range servedRoots.All() {
		if r.app != nil && other.app == r.app && other.kept.directory == directory {
			return other.kept
		}
	}
	k := &keptSites{directory: directory, archives: make(map[string]*keptSite), byHost: make(map[string][]string), claimed: claimedNames(r.app)}
	files, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.unknown = err
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && file.IsDir() {
			k.add(file.Name(), readRecord(filepath.Join(directory, file.Name())), info.ModTime())
		}
	}
	return k
}

// claimedNames returns the names of the archives that the sites of a configuration have by their identity. It reads handlers that
// are not loaded yet; servedRoots has the others.
func claimedNames(app *caddyhttp.App) map[string]bool {
	claimed := make(map[string]bool)
	if app == nil {
		return claimed
	}
	for _, server := range app.Servers {
		for i := range server.Routes {
			site := siteOf(server, lifecycle.HostsOf(&server.Routes[i]))
			for _, prefix := range servedBy(&server.Routes[i]) {
				claimed[directoryName(site+prefix, site+"\n"+prefix)] = true
			}
		}
	}
	return claimed
}

// servedBy returns the prefixes of the assets handlers in a route that are not loaded.
func servedBy(route *caddyhttp.Route) (prefixes []string) {
	for _, h := range stepsOf(route) {
		for _, root := range h.Serve {
			prefixes = append(prefixes, root.Prefix)
		}
		for i := range h.Routes {
			prefixes = append(prefixes, servedBy(&h.Routes[i])...)
		}
	}
	return prefixes
}

// nameFor returns the name of the archive of a root: that of its identity, if there is one. Else its hosts may have changed, and it goes
// on with the archive that has the same prefix and the most hosts in common, unless another site of the configuration has it.
func (k *keptSites) nameFor(r *servedRoot) string {
	type candidate struct {
		name                                string
		exact, equal, overlapping, sameRoot int
		used                                time.Time
	}
	exact, another := archiveNames(r)
	own, hosts := r.record(), newHostSet(r.record().Hosts)
	best, found := candidate{name: r.name}, false
	for _, name := range append(k.near(hosts), exact, another) {
		kept := k.archives[name]
		if kept == nil {
			continue
		}
		c := candidate{name: name, used: kept.used}
		if c.equal, c.overlapping = hosts.common(kept.Hosts); name == exact || name == another {
			c.exact = 1
		} else if c.overlapping == 0 || k.claimed[name] || !hasCommon(own.Prefixes, kept.Prefixes) {
			continue
		}
		if isTaken(r, func(other *servedRoot) bool { return other.archive == filepath.Join(k.directory, name) }) {
			if name == best.name {
				best.name = another
			}
			continue
		}
		if kept.Root == own.Root {
			c.sameRoot = 1
		}
		if !found || cmp.Or(cmp.Compare(c.exact, best.exact), cmp.Compare(c.equal, best.equal),
			cmp.Compare(c.overlapping, best.overlapping), cmp.Compare(c.sameRoot, best.sameRoot), c.used.Compare(best.used)) > 0 {
			best, found = c, true
		}
	}
	return best.name
}

func hasCommon(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// record is what the record of the root's archive must have.
func (r *servedRoot) record() siteRecord {
	record := siteRecord{Hosts: r.hosts, Root: r.root}
	if len(r.hosts) == 0 {
		record.Hosts = []string{r.site}
	}
	for _, mount := range r.mounts {
		record.Prefixes = append(record.Prefixes, mount+r.prefix)
	}
	return record
}

// relatedPromises are the promises of other archives, by file. They are only read.
var relatedPromises = caddy.NewUsagePool()

type relatedStore struct{ *promises.Store }

// Destruct implements caddy.Destructor.
func (relatedStore) Destruct() error { return nil }

// promisesOf returns which promises are for URLs of a root. They are in other archives too: of an earlier configuration, or of another
// root of this one.
func (a *Handler) promisesOf(r *servedRoot) promises.Scope {
	scope := promises.Scope{Shadowed: a.shadowed(r.prefix), Unknown: r.kept.unknown}
	own, hosts := r.record(), newHostSet(r.record().Hosts)
	for _, name := range r.kept.near(hosts) {
		record := r.kept.archives[name]
		if _, overlapping := hosts.common(record.Hosts); overlapping == 0 || name == filepath.Base(r.archive) {
			continue
		}
		file := filepath.Join(r.kept.directory, name, promisesFile)
		for _, prefix := range own.Prefixes {
			for _, other := range record.Prefixes {
				cut, prepended, ok := promises.Relate(prefix, other)
				if !ok {
					continue
				}
				pooled, err := a.pooled.Load(relatedPromises, file, func() (caddy.Destructor, error) {
					return relatedStore{promises.New(file, time.Now)}, nil
				})
				if err != nil {
					scope.Unknown = errors.Join(scope.Unknown, err)
					continue
				}
				found := promises.Related{Store: pooled.(relatedStore).Store, Cut: cut, Add: prepended}
				if !slices.Contains(scope.Related, found) {
					scope.Related = append(scope.Related, found)
				}
			}
		}
	}
	return scope
}

// shadowed returns the paths below a prefix that a longer prefix of the handler answers.
func (a *Handler) shadowed(prefix string) (paths []string) {
	for _, other := range a.prefixes() {
		if rest, below := strings.CutPrefix(other, prefix); below && rest != "" {
			paths = append(paths, rest)
		}
	}
	return paths
}
