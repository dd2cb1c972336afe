package websockettunnel

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// upstreamUp belongs to the process. Its label values come from the configuration.
var upstreamUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "usher_websocket_upstream_up", Help: "Whether the last handshake reached the upstream.",
}, []string{"upstream"})

func setUpstreamUp(key string, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	upstreamUp.WithLabelValues(key).Set(value)
}

// logUpstream logs and counts that an upstream went down, with the cause, or came back.
func logUpstream(logger *zap.Logger, upstream *tunnel.Upstream, cause error) {
	key := upstream.Network + "/" + upstream.Address
	setUpstreamUp(key, cause == nil)
	if cause != nil {
		logger.Error("upstream down; trying others first", zap.String("upstream", key), zap.Error(cause))
		return
	}
	logger.Info("upstream up again", zap.String("upstream", key))
}
