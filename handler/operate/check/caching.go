package check

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/scan2food/usher/handler/operate/verdict"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// caching is what a response says about its caching.
type caching struct {
	lifetime              int64 // max-age in seconds; -1: none
	immutable, revalidate bool
	store, validator      bool
	heuristic             bool // browsers choose a lifetime themselves (RFC 9111, 4.2.2)
}

func readCaching(header http.Header) caching {
	c := caching{lifetime: -1, store: true, validator: header.Get("ETag") != "" || header.Get("Last-Modified") != ""}
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64); err == nil {
				c.lifetime = seconds
			}
		case "immutable":
			c.immutable = true
		case "no-cache":
			c.revalidate = true
		case "no-store":
			c.store = false
		}
	}
	expires, err := http.ParseTime(header.Get("Expires"))
	if c.lifetime < 0 && err == nil {
		if date, err := http.ParseTime(header.Get("Date")); err == nil {
			c.lifetime = max(int64(expires.Sub(date).Seconds()), 0)
		}
	}
	c.heuristic = c.store && !c.revalidate && c.lifetime < 0 && header.Get("Last-Modified") != ""
	return c
}

// long is a lifetime during which a deploy is likely, in seconds.
const long = 60

// judgeCaching says whether a browser may run the resource after the next deploy.
func (c *checker) judgeCaching(r resource, header http.Header) {
	how, subject := readCaching(header), show(r.url)
	versioned := isVersioned(r.url)
	switch {
	case !how.store || how.revalidate || how.lifetime == 0:
		c.report.Add(verdict.Good, subject, fmt.Sprintf("%s is revalidated", r.kind), "")
	case r.kind == kindPage && (how.lifetime > long || how.immutable):
		c.report.Add(verdict.Bad, subject, fmt.Sprintf("the page is cached for %d s without revalidation, with the versions that it names", how.lifetime),
			"send Cache-Control: no-cache with pages")
	case how.heuristic:
		c.report.Add(verdict.Bad, subject, fmt.Sprintf("%s has no Cache-Control: browsers choose a lifetime and run an old copy after a deploy", r.kind),
			"serve it with versioned_assets, or send Cache-Control: no-cache")
	case how.lifetime > long && !versioned && mayBeVersioned(r.url):
		c.report.Add(verdict.Warn, subject, fmt.Sprintf("%s is cached for %d s; its name ends with a version or with a word", r.kind, how.lifetime),
			"ask the server what proves it: caddy usher explain "+subject)
	case how.lifetime > long && !versioned:
		c.report.Add(verdict.Bad, subject, fmt.Sprintf("%s is cached for %d s under a URL without a version", r.kind, how.lifetime),
			"serve it with versioned_assets, which revalidates unversioned URLs")
	case how.lifetime > long && !how.immutable:
		c.report.Add(verdict.Warn, subject, fmt.Sprintf("%s is cached for %d s; nothing proves its version", r.kind, how.lifetime),
			"serve it with versioned_assets, which caches only what a digest proves")
	default:
		c.report.Add(verdict.Good, subject, fmt.Sprintf("%s: %s", r.kind, header.Get("Cache-Control")), "")
	}
}

// isVersioned reports a URL that names a version, in its query or in its file name.
func isVersioned(u *url.URL) bool {
	return u.RawQuery != "" || looksVersioned(u.Path)
}

// mayBeVersioned reports a file name that ends like those of Vite and Rollup. Two in five of their hashes look like words.
func mayBeVersioned(u *url.URL) bool {
	_, _, ok := fingerprint.SplitName(path.Base(u.Path), "")
	return ok
}
