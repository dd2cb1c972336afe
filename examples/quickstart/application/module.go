// Package application is the demonstration site of the quickstart: three sockets with keys, and a page that loads its scripts as the
// page of the outage did. Only cmd/caddy contains it. It serves the loopback interface only.
package application

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(new(Quickstart))
	httpcaddyfile.RegisterHandlerDirective("quickstart", parse)
	// Before versioned_assets, which needs the folder.
	httpcaddyfile.RegisterDirectiveOrder("quickstart", httpcaddyfile.Before, "tracing")
}

// Quickstart starts the application with the configuration, and keeps it running through reloads. It serves no requests itself:
// reverse_proxy forwards them to the application.
type Quickstart struct {
	// The folder to which the application writes its static files.
	Folder string `json:"folder"`

	// The address of the loopback interface on which the application listens.
	Listen string `json:"listen"`
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
		return nil, h.Errf("quickstart: want a folder and a listen address, got %q", args)
	}
	return &Quickstart{Folder: args[0], Listen: args[1]}, nil
}

// running holds the running applications, by address.
var running = caddy.NewUsagePool()

// Provision writes the first release of the static files and starts the application.
func (q *Quickstart) Provision(caddy.Context) error {
	host, _, err := net.SplitHostPort(q.Listen)
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("quickstart: want an address of the loopback interface, got %q", host)
	}
	folder, err := filepath.Abs(q.Folder)
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	_, _, err = running.LoadOrNew(q.Listen, func() (caddy.Destructor, error) { return start(folder, q.Listen) })
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	return nil
}

// Cleanup stops the application when no configuration uses it.
func (q *Quickstart) Cleanup() error {
	_, err := running.Delete(q.Listen)
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
