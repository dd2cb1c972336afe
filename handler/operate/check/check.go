// Package check loads a page as a browser does, follows its scripts, styles and workers, and says which cached responses can
// become stale, and which WebSockets open with which key.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/operate/verdict"
)

// Limits of a check.
const (
	maxResponse  = 8 << 20 // bytes of one response
	maxResources = 200
	maxSockets   = 20
	maxRedirects = 10
)

// Config configures a check.
type Config struct {
	// Page is the URL of the page.
	Page string
	// Key returns the right key for the path of a WebSocket, or "" if none is known.
	Key func(path string) string
	// Paths are WebSockets to try, also those that no script names.
	Paths []string
	// Client makes the requests. Its redirects are bounded by the check. Default: a client with Go's default transport.
	Client *http.Client
	// Timeout bounds each request, and the wait for a Close frame. Default: 10s.
	Timeout time.Duration
	// Progress is called for each request. Nil: it is not called.
	Progress func(what string)
}

// checker is one check.
type checker struct {
	config  Config
	client  *http.Client
	page    *url.URL
	report  verdict.Report
	seen    map[string]bool
	queue   []resource
	sockets []socketURL
	known   map[string]bool // sockets, and paths that scripts compute

	computed bool // a script computes the path of a WebSocket
}

// resource is what a page or a script loads.
type resource struct {
	url  *url.URL
	kind kind
	from string
}

type kind string

const (
	kindPage   kind = "page"
	kindScript kind = "script"
	kindModule kind = "module"
	kindWorker kind = "worker"
	kindStyle  kind = "style"
)

// Run checks a page. Its error says that the page itself could not be loaded.
func Run(ctx context.Context, config Config) (verdict.Report, error) {
	page, err := url.Parse(config.Page)
	if err != nil || page.Host == "" || page.Scheme != "http" && page.Scheme != "https" {
		return verdict.Report{}, errors.New("want the URL of a page, such as https://example.com/orders/")
	}
	if config.Timeout <= 0 {
		config.Timeout = 10 * time.Second
	}
	if config.Progress == nil {
		config.Progress = func(string) {}
	}
	if config.Key == nil {
		config.Key = func(string) string { return "" }
	}
	if config.Client == nil {
		config.Client = new(http.Client)
	}
	c := &checker{config: config, page: page, seen: make(map[string]bool), known: make(map[string]bool)}
	client := *config.Client
	client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}
	c.client = &client
	content, err := c.fetch(ctx, resource{url: page, kind: kindPage})
	if err != nil {
		return c.report, fmt.Errorf("loading %s: %w", show(page), withoutURL(err))
	}
	c.readPage(content)
	c.follow(ctx)
	c.trySockets(ctx)
	c.report.Sort()
	return c.report, nil
}

// withoutURL drops the URL from an error, since its query may hold a key.
func withoutURL(err error) error {
	var detail *url.Error
	if errors.As(err, &detail) {
		return detail.Err
	}
	return err
}

// show returns a URL without user and without the values of its query.
func show(u *url.URL) string {
	shown := *u
	shown.User, shown.Fragment = nil, ""
	if u.RawQuery != "" {
		var names []string
		for part := range strings.SplitSeq(u.RawQuery, "&") {
			name, value, found := strings.Cut(part, "=")
			if found && looksSecret(name, value) {
				part = name + "=..."
			}
			names = append(names, part)
		}
		shown.RawQuery = strings.Join(names, "&")
	}
	return shown.String()
}

// looksSecret reports a parameter whose value is not shown: all but short versions.
func looksSecret(name, value string) bool {
	return len(value) > 16 || !(name == "v" || name == "ver" || name == "version" || name == "hash")
}

// follow loads the resources of the page, and the resources that these load.
func (c *checker) follow(ctx context.Context) {
	for len(c.queue) > 0 && ctx.Err() == nil {
		next := c.queue[0]
		c.queue = c.queue[1:]
		content, err := c.fetch(ctx, next)
		if err != nil {
			c.report.Add(verdict.Bad, show(next.url), fmt.Sprintf("%s of %s does not load: %s", next.kind, next.from, withoutURL(err)),
				"make the URL work, or remove the reference")
			continue
		}
		if next.kind != kindStyle {
			c.readScript(next.url, content)
		}
	}
	if ctx.Err() != nil {
		c.report.Add(verdict.Bad, show(c.page), "the check ran out of time", "look at the slow responses")
	}
}

// add queues a resource of the page's host, once.
func (c *checker) add(base *url.URL, reference string, kind kind, from string) {
	target, err := base.Parse(strings.TrimSpace(reference))
	if err != nil || target.Scheme != "http" && target.Scheme != "https" {
		return
	}
	target.Fragment = ""
	if c.seen[target.String()] {
		return
	}
	c.seen[target.String()] = true
	if target.Host != c.page.Host {
		return // the operator of another host decides about its caching
	}
	if len(c.seen) > maxResources {
		c.report.Add(verdict.Warn, show(c.page), fmt.Sprintf("more than %d resources; the rest was not checked", maxResources), "check a page with fewer")
		return
	}
	c.queue = append(c.queue, resource{target, kind, from})
}

// fetch loads a resource, and judges how it is cached.
func (c *checker) fetch(ctx context.Context, r resource) (content string, err error) {
	c.config.Progress(show(r.url))
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("User-Agent", "usher-check")
	if r.kind == kindPage {
		request.Header.Set("Accept", "text/html,*/*;q=0.8")
		request.Header.Set("Sec-Fetch-Dest", "document")
		request.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return "", err
	}
	if len(body) > maxResponse {
		c.report.Add(verdict.Warn, show(r.url), fmt.Sprintf("larger than %d MiB; only the beginning was read", maxResponse>>20), "load less")
		body = body[:maxResponse]
	}
	if r.kind == kindPage {
		c.page = response.Request.URL // after redirects
		r.url = c.page
	}
	c.judgeCaching(r, response.Header)
	return string(body), nil
}
