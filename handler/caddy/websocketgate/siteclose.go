package websocketgate

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// siteCloses counts the sockets that the responses of a site closed.
var siteCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_websocket_site_closes_total",
	Help: "Sockets that responses of the site closed, by cause: cookie, or a member of Usher-Close.",
}, []string{"cause"})

// siteClosed counts and logs sockets that a response of the site closed.
func (g *Handler) siteClosed(cause gate.CloseCause, closed int) {
	siteCloses.WithLabelValues(string(cause)).Add(float64(closed))
	g.logger.Info("response closed sockets", zap.String("cause", string(cause)), zap.Int("sockets", closed))
}

// logInvalidClose logs an Usher-Close that is not carried out as it is written. The field itself is not shown: it may name a person.
func (g *Handler) logInvalidClose(err error) {
	message := "Usher-Close invalid; some sockets stay open"
	if err == gate.ErrCloseCode {
		message = "Usher-Close code invalid; closing with 4401"
	}
	g.logger.Error(message, zap.Error(err))
}

// ownsSocket reports the sockets that the application of the site may close: those of this gate and its predecessors, and those
// of a gate that is gone, if this gate has the route.
func (g *Handler) ownsSocket(info *sockets.Info) bool {
	if info.Site == g.site {
		return true
	}
	for other := range liveGates.All() {
		if other.site == info.Site {
			return false
		}
	}
	for _, route := range g.Routes {
		if route.Name == info.Route && info.Site != "" {
			return true
		}
	}
	return false
}

// warnOfUnseen warns, when the configuration has started, of routes with a session whose end the gate may not see.
func (g *Handler) warnOfUnseen() {
	for _, route := range g.Routes {
		if route.Session != nil && g.unseen {
			g.logger.Warn("responses bypass the gate; sessions may outlive logout",
				zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}
