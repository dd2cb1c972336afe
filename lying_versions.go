package usher

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/ledger"
)

// versionLedgers are the ledgers of the process, by their files.
var versionLedgers = caddy.NewUsagePool()

type versionLedger struct{ *ledger.Ledger }

// Destruct writes what is held.
func (l versionLedger) Destruct() error {
	l.Close()
	return nil
}

// openLedger opens the ledger of a served directory, which is beside what is kept of that.
func (a *VersionedAssets) openLedger(ctx caddy.Context, directory string) (*ledger.Ledger, error) {
	file, logger := filepath.Join(directory, "versions.json"), ctx.Logger()
	pooled, err := a.uses.Load(versionLedgers, file, func() (caddy.Destructor, error) {
		return versionLedger{ledger.Open(ledger.Config{
			File: file, Now: time.Now,
			Report: func(err error) { logger.Warn("keeping the versions of assets", zap.Error(err)) },
		})}, nil
	})
	if err != nil {
		return nil, err
	}
	versions := pooled.(versionLedger).Ledger
	versions.Wait(time.Duration(a.Vanished))
	return versions, nil
}

// lyingVersions counts what is told of them. The values of its labels come from the configuration, and from a closed list.
var lyingVersions = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_assets_lying_versions_total",
	Help: "Versions of assets that were found to be told of other bytes than theirs, in the query or in the name of the file.",
}, []string{"prefix", "place"})

// registerAssetMetrics has the registry of a configuration show the metrics. Another handler of it may have done so.
func registerAssetMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	var already prometheus.AlreadyRegisteredError
	if err := registry.Register(lyingVersions); err != nil && !errors.As(err, &already) {
		return err
	}
	return nil
}

// toldVersions is the ledger of a site: who tells of what it finds.
type toldVersions struct {
	*ledger.Ledger
	prefix          string
	logger          *zap.Logger
	inQuery, inName prometheus.Counter
}

func newToldVersions(versions *ledger.Ledger, prefix string, logger *zap.Logger) *toldVersions {
	return &toldVersions{
		versions, prefix, logger, lyingVersions.WithLabelValues(prefix, "query"), lyingVersions.WithLabelValues(prefix, "name"),
	}
}

// See notes a version that nothing proves, and tells of it if it lies.
func (t *toldVersions) See(path, word, version string, digest [32]byte, page string, onPage bool) {
	sight := ledger.Sight{Path: path, Word: word, Version: version, Digest: digest, Page: page, OnPage: onPage}
	if lie, found := t.Ledger.See(sight); found {
		t.inQuery.Inc()
		t.logger.Warn("a version lies: the file was changed, and its version was not",
			zap.String("url", t.prefix+lie.Path+"?"+lie.Word+"="+lie.Version), zap.String("version", lie.Version),
			zap.String("page", lie.Page), zap.Bool("seen_on_page", lie.OnPage),
			zap.String("mend", "`stamp html` in versioned_assets gives references the version of the bytes; "+
				"without it, change the version in the template of the page"),
			zap.Int("untold_before", lie.Untold))
	}
}

// Name notes a file whose name holds the version of other bytes, and tells of it.
func (t *toldVersions) Name(path string, digest [32]byte, why string) {
	if lie, found := t.Ledger.Name(path, digest, why); found {
		t.inName.Inc()
		t.logger.Warn("a version lies: the name of the file holds that of other bytes",
			zap.String("url", t.prefix+lie.Path), zap.String("why", lie.Why),
			zap.String("mend", "upload the file again, and whole; browsers ask for it each time until then"),
			zap.Int("untold_before", lie.Untold))
	}
}

// Lied reports a version that was found to be told of other bytes than before.
func (t *toldVersions) Lied(path, version string) bool {
	_, _, lied := t.Ledger.Lied(path, version)
	return lied
}

var _ assets.Ledger = (*toldVersions)(nil)
