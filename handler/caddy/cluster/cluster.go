// Package cluster holds the node of this process: its part in what the processes of a site share, if the configuration has the
// module usher with `shared`. The node outlives a configuration.
package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/shared"
)

// ID is the ID of the Caddy app that implements [App].
const ID = "usher"

// App is the Caddy app usher.
type App interface {
	caddy.App
	// Node returns nil if the configuration shares nothing.
	Node() *shared.Node
}

// Of returns the node of a configuration that is being provisioned, nil if it shares nothing.
func Of(ctx caddy.Context) (*shared.Node, error) {
	app, err := ctx.AppIfConfigured(ID)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return app.(App).Node(), nil
}

// nodes holds the nodes by prefix.
var nodes = caddy.NewUsagePool()

// inForce holds the nodes of the loaded configurations, the latest last.
var inForce lifecycle.PerServer[*member]

// Current returns the node of the configuration in force, nil if it shares nothing.
func Current() (node *shared.Node) {
	for m := range inForce.All() {
		node = m.Node
	}
	return node
}

// member is the node in its pool.
type member struct {
	*shared.Node
	logger atomic.Pointer[zap.Logger]
}

// Destruct implements caddy.Destructor.
func (m *member) Destruct() error {
	m.Stop()
	return nil
}

// Config is what a configuration says about the node.
type Config struct {
	// Storage is the storage of all nodes.
	Storage certmagic.Storage
	// Prefix separates sites with one storage.
	Prefix string
	// Every is how often the node looks for events. 0: the default.
	Every time.Duration
	// Describe returns the JSON object that the node shows others.
	Describe func() ([]byte, error)
}

// joinTimeout is how long a configuration waits for the storage when the process starts.
const joinTimeout = 2 * time.Second

// Joined is the part of one configuration in the node.
type Joined struct {
	Node    *shared.Node
	member  *member
	pooled  lifecycle.Pooled
	prefix  string
	release func()
}

// Join returns the node for a configuration that is being provisioned. It does not start to share before [Joined.Start].
// [Joined.Leave] must follow, also after an error.
func (j *Joined) Join(ctx caddy.Context, config Config) error {
	value, err := j.pooled.Load(nodes, config.Prefix, func() (caddy.Destructor, error) { return newMember(config, ctx.Logger()) })
	if err != nil {
		return err
	}
	j.member = value.(*member)
	j.Node, j.prefix = j.member.Node, config.Prefix
	j.release = j.Node.Use(config.Storage, config.Every)
	inForce.Add(nil, j.member)
	timeout, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := j.Node.Probe(timeout); errors.Is(err, shared.ErrUnfit) {
		return fmt.Errorf("usher: shared: %w: use another storage", err)
	}
	j.Node.Prepare(timeout)
	if err := lifecycle.OnStarted(ctx, func() { j.member.logger.Store(ctx.Logger()) }); err != nil {
		return err
	}
	return lifecycle.RegisterMetrics(ctx, gauges{})
}

// Start starts to share.
func (j *Joined) Start() { j.Node.Start() }

// IsLast reports whether no other loaded configuration has the node.
func (j *Joined) IsLast() bool {
	references, _ := nodes.References(j.prefix)
	return references <= 1
}

// Leave releases the node. It ends with the last configuration that has it.
func (j *Joined) Leave() error {
	if j.member == nil {
		return nil
	}
	inForce.Remove(nil, j.member)
	err := j.pooled.Release()
	j.release()
	return err
}

func newMember(config Config, logger *zap.Logger) (*member, error) {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	m := new(member)
	m.logger.Store(logger)
	m.Node, err = shared.New(shared.Config{
		Prefix: config.Prefix, Name: name, Describe: config.Describe, Random: rand.Reader, Now: time.Now,
		Health: m.logHealth, Unreadable: m.logUnreadable,
	})
	return m, err
}

func (m *member) logHealth(err error) {
	if err != nil {
		m.logger.Load().Error("shared storage fails; limits count this node alone", zap.Error(err))
		return
	}
	m.logger.Load().Info("shared storage works again")
}

func (m *member) logUnreadable(err error) {
	m.logger.Load().Error("shared object unreadable; skipping it", zap.Error(err))
}
