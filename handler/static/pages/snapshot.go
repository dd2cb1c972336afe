package pages

import (
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/stamp"
)

// snapshot is the state of the assets that one page is stamped with. It is immutable: while assets change, a page names versions
// of one generation.
type snapshot struct {
	sites    []assets.Site // the longest prefix first
	mounts   []string
	hosts    *[]Host
	trees    []*tree.Tree    // of the sites, then of the hosts
	catalogs []*tree.Catalog // of the trees; nil for a directory that has not been read yet
	// generation identifies the catalogs of the sites, and of the hosts that are a part of the pages.
	generation string
	// tag identifies all catalogs. It is a part of the entity tags of pages, since other assets make another page.
	tag        string
	rewriter   *stamp.Rewriter
	sheets     sync.Map // the files that a stylesheet uses, as a map[string]bool, by its URL path
	references sync.Map // the files that a stylesheet itself refers to, as a []string, by its URL path
}

// now returns the present snapshot.
func (s *Stamper) now() *snapshot {
	hosts := s.hosts.Load()
	if current := s.current.Load(); current != nil && current.isCurrent(hosts) {
		return current
	}
	next := &snapshot{sites: s.Sites, mounts: s.Mounts, hosts: hosts}
	for _, site := range s.Sites {
		next.trees = append(next.trees, site.Tree)
	}
	for _, host := range next.others() {
		next.trees = append(next.trees, host.Site.Tree)
	}
	for _, t := range next.trees {
		next.catalogs = append(next.catalogs, t.Current())
	}
	parts := slices.Clone(next.catalogs[:len(s.Sites)])
	for i, host := range next.others() {
		if host.IsPart {
			parts = append(parts, next.catalogs[len(s.Sites)+i])
		}
	}
	next.generation, next.tag = generationOf(parts), generationOf(next.catalogs)
	stampedStyles := s.Styles
	named := make(map[string][]stamp.Host)
	for _, host := range next.others() {
		stampedStyles = stampedStyles || host.Styles
		for _, mount := range host.Mounts {
			named[host.Name] = append(named[host.Name], stamp.Host{Prefix: mount + host.Site.Prefix, VersionQuery: host.VersionQuery, Styles: host.Styles})
		}
	}
	next.rewriter = stamp.New(stamp.Config{
		Prefixes: s.prefixes, VersionQuery: s.VersionQuery, Styles: s.Styles, Scripts: s.Scripts, Version: next.version, Hosts: named,
		IsRewritten: next.isRewritten,
	})
	if s.AddIntegrity {
		next.rewriter.Integrity = next.integrity
	}
	if stampedStyles {
		next.rewriter.SheetUses = next.sheetUses
	}
	s.current.Store(next)
	return next
}

// sheetUses implements SheetUses of [stamp.Config].
func (s *snapshot) sheetUses(sheet, urlPath string) bool {
	known, ok := s.sheets.Load(sheet)
	if !ok {
		uses := make(map[string]bool)
		s.collectUses(sheet, uses)
		known, _ = s.sheets.LoadOrStore(sheet, uses)
	}
	return known.(map[string]bool)[urlPath]
}

// collectUses adds the files that a stylesheet refers to with a version, and those of the stylesheets that it imports.
func (s *snapshot) collectUses(sheet string, uses map[string]bool) {
	for _, used := range s.referencesOf(sheet) {
		if !uses[used] {
			uses[used] = true
			s.collectUses(used, uses)
		}
	}
}

// referencesOf parses each stylesheet once.
func (s *snapshot) referencesOf(sheet string) []string {
	if known, ok := s.references.Load(sheet); ok {
		return known.([]string)
	}
	var found []string
	if catalog, rest := s.findReference(sheet); catalog != nil {
		if file := catalog.Lookup(rest); file != nil && file.StampedForm != nil {
			found = s.rewriter.StyleReferences(file.Content, sheet)
		}
	}
	s.references.Store(sheet, found)
	return found
}

// complete reports whether every directory has been read.
func (s *snapshot) complete() bool { return !slices.Contains(s.catalogs, nil) }

// others are the directories of other hosts.
func (s *snapshot) others() []Host {
	if s.hosts == nil {
		return nil
	}
	return *s.hosts
}

func (s *snapshot) isCurrent(hosts *[]Host) bool {
	for i, t := range s.trees {
		if t.Current() != s.catalogs[i] {
			return false
		}
	}
	return s.hosts == hosts
}

func generationOf(catalogs []*tree.Catalog) string {
	sum := fnv.New64a()
	for _, catalog := range catalogs {
		if catalog != nil {
			_, _ = io.WriteString(sum, catalog.State())
		}
		_, _ = io.WriteString(sum, "\n")
	}
	return strconv.FormatUint(sum.Sum64()|1<<63, 36) // always of one length
}

// find returns the catalog that answers a URL path, and the path below its prefix. The catalog is nil if no site answers the
// path, or if its directory has not been read yet.
func (s *snapshot) find(urlPath string) (catalog *tree.Catalog, rest string) {
	for i := range s.sites {
		if rest, below := strings.CutPrefix(urlPath, s.sites[i].Prefix); below {
			return s.catalogs[i], rest
		}
	}
	return nil, ""
}

// findReference is find for a path that a page names. The path of a file of another host begins with the host.
func (s *snapshot) findReference(urlPath string) (catalog *tree.Catalog, rest string) {
	if !strings.HasPrefix(urlPath, "/") {
		return s.findOther(urlPath)
	}
	for _, mount := range s.mounts {
		if below, ok := strings.CutPrefix(urlPath, mount); ok {
			if catalog, rest = s.find(below); catalog != nil {
				return catalog, rest
			}
		}
	}
	return nil, ""
}

// findOther is findReference for a file of another host. The longest prefix answers.
func (s *snapshot) findOther(path string) (catalog *tree.Catalog, rest string) {
	longest := 0
	for i, host := range s.others() {
		for _, mount := range host.Mounts {
			prefix := host.Name + mount + host.Site.Prefix
			if below, ok := strings.CutPrefix(path, prefix); ok && len(prefix) > longest {
				longest, catalog, rest = len(prefix), s.catalogs[len(s.sites)+i], below
			}
		}
	}
	return catalog, rest
}

func (s *snapshot) version(urlPath string) (string, bool) {
	catalog, rest := s.findReference(urlPath)
	if catalog == nil {
		return "", false
	}
	return catalog.Version(rest)
}

// integrity returns the integrity attribute of a file whose URL pins its bytes. Under another URL the file may have other bytes when
// the browser requests it.
func (s *snapshot) integrity(urlPath string) (string, bool) {
	catalog, rest := s.findReference(urlPath)
	if catalog == nil {
		return "", false
	}
	file := catalog.Lookup(rest)
	if file == nil || catalog.Hides(file) {
		return "", false
	}
	_, isVersioned := catalog.Version(rest)
	return file.Stamped().Integrity(), isVersioned || file.Evidence.Kind == tree.ByDigest
}

// isRewritten implements IsRewritten of [stamp.Config].
func (s *snapshot) isRewritten(urlPath string) bool {
	catalog, rest := s.findReference(urlPath)
	if catalog == nil {
		return false
	}
	file := catalog.Lookup(rest)
	return file != nil && file.StampedForm != nil
}
