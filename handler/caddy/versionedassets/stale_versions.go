package versionedassets

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/ledger"
	"github.com/scan2food/usher/handler/static/promises"
)

// assetHistories holds the histories of the process, by urlsOf. A history survives reloads that do not change the URLs.
var assetHistories = caddy.NewUsagePool()

// assetHistory records earlier content of the URLs of a served directory.
type assetHistory struct {
	ledger   *ledger.Ledger  // in memory
	promises *promises.Store // on disk
}

// Destruct does nothing: each promise is written when it is given.
func (assetHistory) Destruct() error { return nil }

// promisesFile is the file of promises in an archive directory.
const promisesFile = "promises"

// openHistory returns the history of a root. Promises are stored with the archive, with `keep off` too.
func (a *Handler) openHistory(ctx caddy.Context, r *servedRoot) (assetHistory, error) {
	pooled, err := a.pooled.Load(assetHistories, a.urlsOf(r), func() (caddy.Destructor, error) {
		store := promises.New(filepath.Join(r.archive, promisesFile), time.Now)
		store.Honor(a.promisesOf(r))
		return assetHistory{ledger.New(time.Now, time.Duration(a.Vanished)), store}, nil
	})
	if err != nil {
		return assetHistory{}, err
	}
	history := pooled.(assetHistory)
	a.whenInForce(func() {
		history.ledger.SetGrace(time.Duration(a.Vanished))
		history.promises.Honor(a.promisesOf(r))
		if err := writeRecord(r.archive, r.record()); err != nil {
			ctx.Logger().Warn("site not recorded; other hosts start new archive", zap.String("directory", r.archive), zap.Error(err))
		}
	})
	return history, nil
}

// urlsOf names the archive of a root, and the URLs that may come to the root. With other URLs, other promises count from the first
// request on.
func (a *Handler) urlsOf(r *servedRoot) string {
	record := r.record()
	return fmt.Sprintf("%s %q %q %q", r.archive, record.Hosts, record.Prefixes, a.shadowed(r.prefix))
}

// staleVersionsTotal counts stale versions. Label values come from the configuration and a fixed list.
var staleVersionsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_assets_lying_versions_total",
	Help: "Stale versions of assets: in the query, still requested after the content changed; in the file name, of other content.",
}, []string{"prefix", "place"})

// staleVersions is the ledger of one site. It logs and counts what the ledger finds.
type staleVersions struct {
	*ledger.Ledger
	prefix          string
	logger          *zap.Logger
	inQuery, inName prometheus.Counter
}

func newStaleVersions(versions *ledger.Ledger, prefix string, logger *zap.Logger) *staleVersions {
	return &staleVersions{
		versions, prefix, logger,
		staleVersionsTotal.WithLabelValues(prefix, "query"), staleVersionsTotal.WithLabelValues(prefix, "name"),
	}
}

// Observe records a request with an unverified version, and reports a stale version.
func (s *staleVersions) Observe(o ledger.Observation) {
	if stale, found := s.Ledger.Observe(o); found {
		s.inQuery.Inc()
		s.logger.Warn("stale version: file changed, version did not",
			zap.String("url", s.prefix+stale.Path+"?"+stale.Param+"="+stale.Version), zap.String("version", stale.Version),
			zap.String("page", stale.Page),
			zap.String("fix", "set `stamp html` in versioned_assets, or change the version in the template of the page"),
			zap.Int("suppressed", stale.Suppressed))
	}
}

// ObserveName records and reports a file whose name contains the hash of different content.
func (s *staleVersions) ObserveName(path string, digest ledger.Digest, why string) {
	if stale, found := s.Ledger.ObserveName(path, digest, why); found {
		s.inName.Inc()
		s.logger.Warn("file name contains the hash of different content",
			zap.String("url", s.prefix+stale.Path), zap.String("why", stale.Why),
			zap.String("fix", "upload the whole file again; until then browsers revalidate it"),
			zap.Int("suppressed", stale.Suppressed))
	}
}

var _ tree.Ledger = (*staleVersions)(nil)
