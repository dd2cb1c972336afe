package websocketgate

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// MaxRate limits the messages and bytes that the client of one socket may send. A client that sends more is slowed: the gate reads
// no more of the socket until the rate allows it.
type MaxRate struct {
	// Messages that a client may send at once, and in each `message_period` after that. Required.
	Messages int `json:"messages"`

	// The period of `messages`. Required.
	MessagePeriod caddy.Duration `json:"message_period"`

	// The same for bytes, those of frame headers and control frames included. Default: no limit.
	Bytes int `json:"bytes,omitempty"`

	// The period of `bytes`. Required with it.
	BytePeriod caddy.Duration `json:"byte_period,omitempty"`

	// Whether to close the socket with 1008 instead. Default: the client is slowed.
	Close bool `json:"close,omitempty"`
}

// rateExceeded counts how often max_rate was in effect.
var rateExceeded = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_websocket_rate_exceeded_total",
	Help: "How often max_rate slowed the client of a socket, or closed the socket.",
}, []string{"route", "action"})

// build returns the gate's form of the limit, nil for none.
func (m *MaxRate) build(route string) (*sockets.Rate, error) {
	switch {
	case m == nil:
		return nil, nil
	case m.Messages < 1 || m.MessagePeriod <= 0:
		return nil, errors.New("want a number of messages and their period, both above zero")
	case m.Bytes < 0 || (m.Bytes > 0) != (m.BytePeriod > 0):
		return nil, errors.New("want a number of bytes and their period, both above zero, or neither")
	}
	action := "slowed"
	if m.Close {
		action = "closed"
	}
	return &sockets.Rate{
		Messages: m.Messages, MessagePeriod: time.Duration(m.MessagePeriod),
		Bytes: m.Bytes, BytePeriod: time.Duration(m.BytePeriod),
		Close: m.Close, Exceeded: rateExceeded.WithLabelValues(route, action).Inc,
	}, nil
}

// warnOfUnlimited warns, when a configuration loads, of routes whose clients can send messages past max_rate.
func (g *Handler) warnOfUnlimited() {
	for _, route := range g.Routes {
		if route.MaxRate != nil && (route.PlainHTTP == "check" || route.PlainHTTP == "pass") {
			g.logger.Warn("max_rate does not limit plain HTTP requests",
				zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}
