// Package app is the Caddy module usher: what the sites of a process have in common.
package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/caddy/overview"
	"github.com/scan2food/usher/handler/shared"
)

// App holds what the sites of a process have in common.
type App struct {
	// What several machines share through a storage. Default: nothing.
	Shared *Shared `json:"shared,omitempty"`

	joined cluster.Joined
	stop   func() // stops receiving events of operators on other machines
}

// Shared lets several machines act as one site: they count sockets together, close the sockets of ended sessions everywhere, and
// accept single-use tickets once.
type Shared struct {
	// The storage of all machines, as in Caddy's own `storage`. Default: Caddy's own.
	StorageRaw json.RawMessage `json:"storage,omitempty" caddy:"namespace=caddy.storage inline_key=module"`

	// How often a machine looks for events of other machines. Default: 400ms.
	Every caddy.Duration `json:"every,omitempty"`

	// The name that begins all keys in the storage. Machines with different prefixes share nothing. Default: usher.
	Prefix string `json:"prefix,omitempty"`
}

// DefaultPrefix is the default of [Shared.Prefix].
const DefaultPrefix = "usher"

const (
	minEvery = 50 * time.Millisecond
	maxEvery = time.Minute
)

// CaddyModule implements caddy.Module.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: cluster.ID, New: func() caddy.Module { return new(App) }}
}

// Check validates the options.
func (s *Shared) Check() error {
	if every := time.Duration(s.Every); every != 0 && (every < minEvery || every > maxEvery) {
		return fmt.Errorf("every: want a duration from %s to %s, got %s", minEvery, maxEvery, every)
	}
	if s.Prefix != "" {
		if err := shared.CheckPrefix(s.Prefix); err != nil {
			return fmt.Errorf("prefix: %w", err)
		}
	}
	return nil
}

// Provision joins the other machines.
func (a *App) Provision(ctx caddy.Context) error {
	if a.Shared == nil {
		return nil
	}
	if err := a.Shared.Check(); err != nil {
		return fmt.Errorf("usher: shared: %w", err)
	}
	config := cluster.Config{
		Storage: ctx.Storage(), Prefix: a.Shared.Prefix, Every: time.Duration(a.Shared.Every), Describe: overview.DescribeNode,
	}
	if config.Prefix == "" {
		config.Prefix = DefaultPrefix
	}
	if a.Shared.StorageRaw != nil {
		module, err := ctx.LoadModule(a.Shared, "StorageRaw")
		if err != nil {
			return fmt.Errorf("usher: shared: loading the storage module: %w", err)
		}
		converter, ok := module.(caddy.StorageConverter)
		if !ok {
			return errors.New("usher: shared: the module is no storage: write one, such as file_system")
		}
		if config.Storage, err = converter.CertMagicStorage(); err != nil {
			return fmt.Errorf("usher: shared: opening the storage: %w", err)
		}
	}
	if err := a.joined.Join(ctx, config); err != nil {
		return err
	}
	a.stop = overview.Receive(ctx, a.joined.Node)
	return nil
}

// Node implements cluster.App.
func (a *App) Node() *shared.Node { return a.joined.Node }

// Start implements caddy.App.
func (a *App) Start() error {
	if a.Shared != nil {
		a.joined.Start()
	}
	return nil
}

// Stop implements caddy.App. After a reload that still shares, the machine goes on. Otherwise it leaves now, since Caddy may close
// the storage before Cleanup.
func (a *App) Stop() error {
	if a.Shared != nil && (caddy.Exiting() || a.joined.IsLast()) {
		a.joined.Node.Stop()
	}
	return nil
}

// Cleanup leaves the other machines.
func (a *App) Cleanup() error {
	if a.stop != nil {
		a.stop()
	}
	return a.joined.Leave()
}

var (
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
	_ cluster.App        = (*App)(nil)
)
