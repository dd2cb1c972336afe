package versionedassets

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/ledger"
)

// site is an assets handler of a loaded configuration, for reports.
type site struct {
	*Handler
	hosts []string // none for a site of every host
}

// sites holds the assets handlers of all loaded configurations, in load order.
var sites lifecycle.PerServer[*site]

// addSite adds the handler to sites. It is called while the handler is provisioned.
func (a *Handler) addSite(ctx caddy.Context) {
	a.site = &site{Handler: a, hosts: []string{}}
	if server := lifecycle.Server(ctx); server != nil {
		a.site.hosts = append(a.site.hosts, lifecycle.Hosts(server)...)
	}
	sites.Add(nil, a.site)
}

// identity tells a site from others, and is the same for its successor after a reload.
func (s *site) identity() string {
	parts := slices.Clone(s.hosts)
	for _, served := range s.served {
		parts = append(parts, served.prefix, served.root)
	}
	return strings.Join(parts, "\n")
}

// inForce returns the loaded handlers. During a reload two configurations are loaded; the newest counts.
func inForce() []*site {
	var all []*site
	at := make(map[string]int)
	for s := range sites.All() {
		if i, known := at[s.identity()]; known {
			all[i] = s
			continue
		}
		at[s.identity()] = len(all)
		all = append(all, s)
	}
	return all
}

// ReportAssets returns the served directories of all loaded configurations.
func ReportAssets() []report.Assets {
	reported := []report.Assets{}
	for _, s := range inForce() {
		for _, served := range s.served {
			reported = append(reported, served.report(s.hosts))
		}
	}
	return reported
}

// maxProblems bounds the files of a report that are not served.
const maxProblems = 20

func (r *servedRoot) report(hosts []string) report.Assets {
	reported := report.Assets{
		Hosts: hosts, Prefix: r.prefix, Root: r.root, Classes: make(map[string]report.Class),
		StaleInQuery: countOf(r.versions.inQuery), StaleInName: countOf(r.versions.inName),
		Stale: []report.StaleVersion{}, Unversioned: []report.UnversionedChild{},
	}
	if r.tree.HasDeltas() {
		count, bytes := r.tree.DeltaSize()
		reported.Deltas = &report.Deltas{
			Responses: countOf(deltaResponsesTotal.WithLabelValues(r.prefix)), Misses: countOf(deltaMissesTotal.WithLabelValues(r.prefix)),
			SavedBytes: countOf(deltaSavedBytesTotal.WithLabelValues(r.prefix)),
			Held:       report.Class{Files: count, Bytes: bytes},
		}
	}
	if stores, found := archiveIn(r.archive); found {
		bytes, entries := stores.earlier.Size()
		reported.Kept = report.Class{Files: entries, Bytes: bytes}
	}
	catalog := r.tree.Current()
	if catalog == nil {
		return reported
	}
	reported.Ready, reported.Generation, reported.Published = true, catalog.Generation, catalog.Published
	byClass, memory := catalog.Usage()
	reported.MemoryBytes = memory
	for class, usage := range byClass {
		reported.Classes[string(class)] = report.Class{Files: usage.Files, Bytes: usage.Bytes}
	}
	r.reportStale(&reported, catalog)
	for _, child := range catalog.Unversioned.Children {
		reported.Unversioned = append(reported.Unversioned, report.UnversionedChild{Script: child.Script, Asset: child.Asset, How: child.How})
	}
	reported.UnversionedTotal = catalog.Unversioned.Total
	reported.Problems = make(map[string]string)
	if rewritten := r.rewritten.Load(); rewritten != nil {
		reported.Problems[rewritten.path] = "a rewrite before versioned_assets changes the URL to " + rewritten.becomes
	}
	for _, path := range slices.Sorted(maps.Keys(catalog.Problems)) {
		if reported.Problems[path] = catalog.Problems[path]; len(reported.Problems) == maxProblems {
			break
		}
	}
	return reported
}

// maxStale bounds the stale versions of a report.
const maxStale = 20

// reportStale adds the versions that are stale for the current content.
func (r *servedRoot) reportStale(reported *report.Assets, catalog *tree.Catalog) {
	for _, stale := range r.versions.Stale() {
		file := catalog.Lookup(stale.Path)
		if file == nil || file.Digest() != stale.Current {
			continue
		}
		if reported.StaleTotal++; reported.StaleTotal > maxStale {
			continue
		}
		reported.Stale = append(reported.Stale, report.StaleVersion{
			URL: r.staleURL(&stale), Version: stale.Version, Page: stale.Page, Since: stale.Since, Why: stale.Why,
		})
	}
}

func (r *servedRoot) staleURL(stale *ledger.StaleVersion) string {
	if stale.InName {
		return r.prefix + stale.Path
	}
	return r.prefix + stale.Path + "?" + stale.Param + "=" + stale.Version
}

// countOf returns the value of a counter.
func countOf(counter prometheus.Counter) uint64 {
	var metric dto.Metric
	if err := counter.Write(&metric); err != nil {
		return 0
	}
	return uint64(metric.GetCounter().GetValue())
}

// archiveIn returns the archive of a directory. There is none with `keep off`.
func archiveIn(directory string) (stores assetArchive, found bool) {
	assetArchives.Range(func(key, value any) bool {
		if key == directory {
			stores, found = value.(assetArchive)
		}
		return !found
	})
	return stores, found
}

// Servers returns the servers of all assets handlers, in load order. A server may occur twice.
func Servers() (servers []*caddyhttp.Server) {
	for served := range servedRoots.All() {
		servers = append(servers, served.server)
	}
	return servers
}

// Explanation says how the handler answers a request. It returns false if the next handler answers.
func (a *Handler) Explanation(r *http.Request) (report.Explanation, bool) {
	e := a.handler.Explain(r)
	if e.Prefix == "" {
		return report.Explanation{}, false
	}
	explained := report.Explanation{
		By: "assets", Hosts: a.site.hosts, Prefix: e.Prefix, File: e.Path, Generation: e.Generation,
		Evidence: string(e.Evidence.Kind), Status: e.Status, CacheControl: e.CacheControl, Why: e.Why,
	}
	for _, d := range e.Deltas {
		explained.Deltas = append(explained.Deltas, report.Delta{From: d.From, Bytes: d.Bytes, InsteadOf: d.Full})
	}
	return explained, true
}

// Rescan reads all served directories now. Its error is the error of ctx.
func Rescan(ctx context.Context) ([]report.Rescan, error) {
	rescans := []report.Rescan{}
	for _, s := range inForce() {
		for _, served := range s.served {
			rescan := report.Rescan{Prefix: served.prefix, Root: served.root, Before: generationOf(served.tree)}
			if err := served.tree.Rescan(ctx); err != nil {
				return nil, err
			}
			rescan.After = generationOf(served.tree)
			rescans = append(rescans, rescan)
		}
	}
	return rescans, nil
}

func generationOf(t *tree.Tree) string {
	if catalog := t.Current(); catalog != nil {
		return catalog.Generation
	}
	return ""
}

// ErrNotServed is returned for a URL that no site serves.
var ErrNotServed = errors.New("no site serves the URL")

// Purge removes all earlier versions of the file of a URL from the archive, and their compressed forms. The current file stays
// on disk and in service.
func Purge(host, urlPath string) (report.Purged, error) {
	var purged report.Purged
	found := false
	for _, s := range inForce() {
		if !report.ServesHost(s.hosts, host) {
			continue
		}
		served := s.rootOf(urlPath)
		if served == nil {
			continue
		}
		found = true
		if stores, kept := archiveIn(served.archive); kept {
			versions, compressed := stores.purge(strings.TrimPrefix(urlPath, served.prefix), served.tree.Current())
			purged.Versions += versions
			purged.Compressed += compressed
		}
		if err := served.purgeShared(urlPath); err != nil {
			return purged, fmt.Errorf("removing the versions of other machines: %w", err)
		}
	}
	if !found {
		return purged, ErrNotServed
	}
	return purged, nil
}

// purgeTimeout is how long a purge waits for the shared storage.
const purgeTimeout = 10 * time.Second

func (s *servedRoot) purgeShared(urlPath string) error {
	ctx, cancel := context.WithTimeout(context.Background(), purgeTimeout)
	defer cancel()
	return s.tree.PurgeShared(ctx, strings.TrimPrefix(urlPath, s.prefix))
}

// rootOf returns the root with the longest prefix of a URL path, or nil.
func (s *site) rootOf(urlPath string) (longest *servedRoot) {
	for _, served := range s.served {
		if strings.HasPrefix(urlPath, served.prefix) && (longest == nil || len(served.prefix) > len(longest.prefix)) {
			longest = served
		}
	}
	return longest
}

// purge removes the versions of a path. Compressed forms of the current content stay.
func (a assetArchive) purge(path string, current *tree.Catalog) (versions, compressed int) {
	sums, versions := a.earlier.Purge(path)
	for _, sum := range sums {
		if current != nil && current.Holds(sum) {
			continue
		}
		_, removed := a.compressed.Purge(hex.EncodeToString(sum[:]))
		compressed += removed
	}
	return versions, compressed
}

// Generations returns the current generation of each served directory, by URL prefix.
func Generations() map[string]string {
	generations := make(map[string]string)
	for _, s := range inForce() {
		for _, served := range s.served {
			if catalog := served.tree.Current(); catalog != nil {
				generations[served.prefix] = catalog.Generation
			}
		}
	}
	return generations
}
