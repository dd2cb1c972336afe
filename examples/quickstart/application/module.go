// Package application is the demonstration site of the quickstart: a page with two sockets, a payment terminal with a third, and
// scripts that the page loads as the page of the outage did. Only cmd/caddy contains it. It serves the loopback interface only.
package application

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(new(Quickstart))
	httpcaddyfile.RegisterHandlerDirective("quickstart", parse)
}

// Quickstart starts the application with the configuration, and keeps it running through reloads. It serves no requests itself:
// reverse_proxy forwards them to the application. It must stand before all other directives, which need its files.
type Quickstart struct {
	// The folder to which the application writes its static files and secrets. It listens on
	// application.sock there, and expects the admin API of Caddy on admin.sock.
	Folder string `json:"folder"`

	// The URL of the site, as browsers open it.
	URL string `json:"url"`
}

// CaddyModule returns the Caddy module information.
func (*Quickstart) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.quickstart",
		New: func() caddy.Module { return new(Quickstart) },
	}
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	args := h.RemainingArgs()
	if len(args) != 2 {
		return nil, h.Errf("quickstart: want a folder and the URL of the site, got %q", args)
	}
	return &Quickstart{Folder: args[0], URL: args[1]}, nil
}

// running holds the running applications, by folder.
var running = caddy.NewUsagePool()

// Provision writes the first release of the static files and starts the application.
func (q *Quickstart) Provision(caddy.Context) error {
	site, err := url.Parse(q.URL)
	if err != nil || site.Hostname() != "localhost" {
		return fmt.Errorf("quickstart: want a URL such as http://localhost:8080, got %q", q.URL)
	}
	_, _, err = running.LoadOrNew(q.Folder, func() (caddy.Destructor, error) { return start(q.Folder, q.URL) })
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	return nil
}

// Cleanup stops the application when no configuration uses it.
func (q *Quickstart) Cleanup() error {
	_, err := running.Delete(q.Folder)
	return err
}

// ServeHTTP rejects requests from other machines and calls the next handler.
func (q *Quickstart) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return caddyhttp.Error(http.StatusForbidden, errors.New("the quickstart serves this machine only"))
	}
	return next.ServeHTTP(w, r)
}

var (
	_ caddy.Provisioner           = (*Quickstart)(nil)
	_ caddy.CleanerUpper          = (*Quickstart)(nil)
	_ caddyhttp.MiddlewareHandler = (*Quickstart)(nil)
)
