package versionedassets

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/versions"
)

// sharedVersionsTotal counts what is read from the shared storage. Label values come from the configuration and a fixed list.
var sharedVersionsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_assets_shared_versions_total",
	Help: "Versions of other machines that were read from the shared storage.",
}, []string{"prefix", "result"})

// sharedVersions are the versions of all machines. It counts what is read.
type sharedVersions struct {
	*versions.Store
	fetched, failed prometheus.Counter
}

// shareVersions returns what the machines share of a served directory under a name, and its part of the key of the tree. Both are empty if
// the configuration shares nothing, or has no archive for the versions of others. The name must be the same on all machines, so it does
// not depend on the archives of one.
func (a *Handler) shareVersions(ctx caddy.Context, name, prefix string) (shared tree.Shared, key string, err error) {
	node, err := cluster.Of(ctx)
	if err != nil || node == nil || a.Keep < 0 {
		return nil, "", err
	}
	size, err := a.KeepBytes()
	if err != nil {
		return nil, "", err
	}
	config := versions.Config{
		Storage: node.Store(), Directory: path.Join("assets", name),
		Keep: cmp.Or(time.Duration(a.Keep), archive.DefaultKeep), Size: size, Now: time.Now,
	}
	shared = &sharedVersions{
		versions.New(config), sharedVersionsTotal.WithLabelValues(prefix, "found"), sharedVersionsTotal.WithLabelValues(prefix, "failed"),
	}
	return shared, fmt.Sprintf(" %p %s %s %d", node, name, config.Keep, config.Size), nil
}

// Fetch counts contents, not requests: put is called once for all requests that wait for a content.
func (s *sharedVersions) Fetch(ctx context.Context, v versions.Version, put func([]byte) error) error {
	err := s.Store.Fetch(ctx, v, func(content []byte) error {
		s.fetched.Inc()
		return put(content)
	})
	if err != nil {
		s.failed.Inc()
	}
	return err
}

var _ tree.Shared = (*sharedVersions)(nil)
