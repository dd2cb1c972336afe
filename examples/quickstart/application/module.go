// Package application is the quickstart's site: three keyed sockets, and a page whose scripts are loaded as those of
// the incident were. It is plugged into cmd/caddy and into no other build; it answers the loopback interface alone.
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
	// Before the assets: they want the folder to be there.
	httpcaddyfile.RegisterDirectiveOrder("quickstart", httpcaddyfile.Before, "tracing")
}

// Quickstart starts the application with the configuration, and keeps it through reloads. It handles no request itself:
// the application is reached through reverse_proxy, as any would be.
type Quickstart struct {
	// The folder into which the application puts its static files.
	Folder string `json:"folder"`

	// Where the application listens: an address of the loopback interface.
	Listen string `json:"listen"`
}

// CaddyModule tells Caddy of the module.
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
		return nil, h.Errf("quickstart: want a folder and an address to listen on, got %q", args)
	}
	return &Quickstart{Folder: args[0], Listen: args[1]}, nil
}

// running are the applications of the process, by address.
var running = caddy.NewUsagePool()

// Provision writes the first release of the static files and starts the application.
func (q *Quickstart) Provision(caddy.Context) error {
	host, _, err := net.SplitHostPort(q.Listen)
	if err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("quickstart: want an address of the loopback interface, got %q: this is a demonstration", host)
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

// Cleanup ends the application with the last configuration that wants it.
func (q *Quickstart) Cleanup() error {
	_, err := running.Delete(q.Listen)
	return err
}

// ServeHTTP keeps everybody but this machine out, and hands on.
func (q *Quickstart) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return caddyhttp.Error(http.StatusForbidden, errors.New("the quickstart answers this machine alone"))
	}
	return next.ServeHTTP(w, r)
}

var (
	_ caddy.Provisioner           = (*Quickstart)(nil)
	_ caddy.CleanerUpper          = (*Quickstart)(nil)
	_ caddyhttp.MiddlewareHandler = (*Quickstart)(nil)
)
