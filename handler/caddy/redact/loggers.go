package redact

import (
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// wants reports whether the site's access log covers requests for this host.
func (l *Logs) wants(r *http.Request) bool {
	if l.accessLog == nil {
		return false
	}
	host := hostOf(r)
	for name := range l.server.Logs.LoggerNames {
		if certmagic.MatchWildcard(host, name) {
			return true
		}
	}
	for _, skipped := range l.server.Logs.SkipHosts {
		if certmagic.MatchWildcard(host, skipped) {
			return false
		}
	}
	return !l.server.Logs.SkipUnmappedHosts
}

// loggers returns the loggers that Caddy would write to: those that log_name set for the request, those of its host, or the
// default one.
func (l *Logs) loggers(base *zap.Logger, r *http.Request) []*zap.Logger {
	if base == nil {
		return nil
	}
	var loggers []*zap.Logger
	for _, name := range l.names(r) {
		if name == "" {
			loggers = append(loggers, base)
			continue
		}
		loggers = append(loggers, base.Named(name))
	}
	return loggers
}

func (l *Logs) names(r *http.Request) []string {
	if set, ok := caddyhttp.GetVar(r.Context(), caddyhttp.AccessLoggerNameVarKey).([]any); ok {
		var names []string
		for _, name := range set {
			if name, ok := name.(string); ok {
				names = append(names, name)
			}
		}
		return names
	}
	host := strings.ToLower(hostOf(r))
	if names, ok := l.server.Logs.LoggerNames[host]; ok {
		return names
	}
	labels := strings.Split(host, ".")
	for i := range labels {
		if labels[i] == "" {
			continue
		}
		labels[i] = "*"
		if names, ok := l.server.Logs.LoggerNames[strings.Join(labels, ".")]; ok {
			return names
		}
	}
	return []string{l.server.Logs.DefaultLoggerName}
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}
