package usher

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// redactedErrors is the first of a server's error routes, where a gate put it. It hands every error on, and writes the lines
// of a request that holds a credential when it is known what handle_errors made of it.
type redactedErrors struct {
	server *caddyhttp.Server
}

// CaddyModule tells Caddy of the module. It is for gates to load, not for configurations.
func (*redactedErrors) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.usher_redacted_errors",
		New: func() caddy.Module { return new(redactedErrors) },
	}
}

// Provision has the gates of the server leave the lines of errors to it.
func (h *redactedErrors) Provision(ctx caddy.Context) error {
	h.server = serverOf(ctx.Value)
	serversWithPages.add(h.server)
	return nil
}

// Cleanup is called after the server has shut down.
func (h *redactedErrors) Cleanup() error {
	serversWithPages.remove(h.server)
	return nil
}

// ServeHTTP lets the error be handled.
func (h *redactedErrors) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	log, ok := r.Context().Value(redactedRequestKey{}).(*redactedRequest)
	if !ok {
		return next.ServeHTTP(w, r)
	}
	page := &recorder{ResponseWriter: w}
	defer func() { log.endHandled(page, err) }()
	return next.ServeHTTP(page, r)
}

// endHandled writes the lines that were left to the error routes. These may have named other loggers for the request, which
// Caddy must not write to either.
func (log *redactedRequest) endHandled(page *recorder, err error) {
	ctx := log.request.Context()
	if names, _ := caddyhttp.GetVar(ctx, caddyhttp.AccessLoggerNameVarKey).([]any); len(names) > 0 {
		log.access = log.logs.loggers(log.logs.accessLog, log.request)
		caddyhttp.SetVar(ctx, caddyhttp.AccessLoggerNameVarKey, []any{})
	}
	if !log.left {
		return
	}
	status, size := page.status, log.writer.size+page.size
	if log.writer.status >= http.StatusOK {
		status = log.writer.status // the answer had begun
	}
	if err != nil {
		log.writeUnhandled(err)
	} else {
		log.writeError()
	}
	log.writeAccess(status, size)
}

// writeError writes what Caddy's server writes of a request that ended in an error.
func (log *redactedRequest) writeError() {
	message, fields := log.errorFields()
	level := zapcore.DebugLevel
	if errorStatus(log.err) >= http.StatusInternalServerError && !log.logs.handlesErrors() {
		level = zapcore.ErrorLevel
	}
	write(log.failed, level, message, append(log.fields(), fields...))
}

// writeUnhandled writes what it writes where the handling of an error failed too.
func (log *redactedRequest) writeUnhandled(second error) {
	message, fields := log.errorFields()
	both := append(log.fields(), zap.String("error", log.redaction.TextOf(second.Error())), zap.Namespace("first_error"), zap.String("msg", message))
	write(log.failed, zapcore.ErrorLevel, "error handling handler error", append(both, fields...))
}

func (log *redactedRequest) errorFields() (message string, fields []zapcore.Field) {
	message = log.redaction.TextOf(log.err.Error())
	var handlerError caddyhttp.HandlerError
	if !errors.As(log.err, &handlerError) {
		return message, []zapcore.Field{zap.String("error", message)}
	}
	if handlerError.Err != nil {
		message = log.redaction.TextOf(handlerError.Err.Error())
	}
	return message, []zapcore.Field{
		zap.Int("status", handlerError.StatusCode),
		zap.String("err_id", handlerError.ID), zap.String("err_trace", handlerError.Trace),
	}
}

func (l *redactedLogs) handlesErrors() bool {
	return l.server.Errors != nil && len(l.server.Errors.Routes) > 0
}

// seeErrors puts a redactedErrors before the error routes of a server that has such.
func seeErrors(server *caddyhttp.Server) {
	if server.Errors == nil || len(server.Errors.Routes) == 0 {
		return
	}
	first := caddyhttp.Route{HandlersRaw: []json.RawMessage{json.RawMessage(`{"handler":"usher_redacted_errors"}`)}}
	server.Errors.Routes = append(caddyhttp.RouteList{first}, server.Errors.Routes...)
}

// serversWithPages are those whose redactedErrors was loaded.
var serversWithPages liveSet[*caddyhttp.Server]

var (
	_ caddy.Provisioner           = (*redactedErrors)(nil)
	_ caddy.CleanerUpper          = (*redactedErrors)(nil)
	_ caddyhttp.MiddlewareHandler = (*redactedErrors)(nil)
)
