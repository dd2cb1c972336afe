package redact

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/websocket/gate"
)

// Request is one request whose lines are written here. A nil Request writes none.
type Request struct {
	logs     *Logs
	request  *http.Request              // the server's own
	received *http.Request              // as the client sent it
	recorder caddyhttp.ResponseRecorder // the server's; nil if it writes no access line
	body     *countedBody               // nil without a body or a line
	decision *gate.Decision
	started  time.Time
	err      error

	// known at its end
	redaction      *gate.Redaction
	loggable       caddyhttp.LoggableHTTPRequest
	duration       time.Duration
	access, failed []*zap.Logger
}

// Begin returns nil for a request that Caddy may log itself: one that is unrelated to the gate, or that causes no line. It
// changes nothing that a handler sees, but for the type of the body, which Caddy changes too.
func (l *Logs) Begin(w http.ResponseWriter, r *http.Request, d *gate.Decision) *Request {
	if l.server == nil || !gate.MayHoldCredential(r, d) || l.accessLog == nil && d.Rejected() {
		return nil
	}
	received, u := r.WithContext(r.Context()), *r.URL
	received.URL, received.Header = &u, r.Header.Clone()
	log := &Request{logs: l, request: r, received: received, recorder: serverRecorder(w), decision: d, started: time.Now()}
	if log.recorder != nil && r.Body != nil {
		log.body = &countedBody{ReadCloser: r.Body}
		r.Body = log.body
	}
	return log
}

// serverRecorder returns the innermost recorder, which is the server's. Handlers around the gate may have recorders of their own.
func serverRecorder(w http.ResponseWriter) (recorder caddyhttp.ResponseRecorder) {
	for {
		if r, ok := w.(caddyhttp.ResponseRecorder); ok {
			recorder = r
		}
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return recorder
		}
		w = outer.Unwrap()
	}
}

// End writes the lines, also of a request whose handler panicked. An error is logged with its own status: the response of
// handle_errors comes later.
func (log *Request) End(err error) {
	if log == nil {
		return
	}
	log.err, log.duration = err, time.Since(log.started)
	log.access = log.logs.loggers(log.logs.accessLog, log.request)
	log.failed = log.logs.loggers(log.logs.errorLog, log.request)
	skipped, _ := caddyhttp.GetVar(log.request.Context(), caddyhttp.LogSkipVar).(bool)
	writesAccess := !skipped && log.recorder != nil && log.logs.wants(log.request)
	log.silenceServer()
	if err == nil && !writesAccess {
		return
	}
	log.redaction = log.logs.gate.Redact(log.received, log.decision)
	log.loggable = caddyhttp.LoggableHTTPRequest{
		Request: log.redaction.Of(log.received), ShouldLogCredentials: log.logs.server.Logs.ShouldLogCredentials,
	}
	if err != nil {
		log.writeError()
	}
	if writesAccess {
		log.writeAccess()
	}
}

// silenceServer keeps Caddy's server from writing its own lines of the request: of an error by the empty list of loggers, of
// the access by log_skip as well. The routes of handle_errors run later and may set another list.
func (log *Request) silenceServer() {
	ctx := log.request.Context()
	caddyhttp.SetVar(ctx, caddyhttp.AccessLoggerNameVarKey, []any{})
	caddyhttp.SetVar(ctx, caddyhttp.LogSkipVar, true)
}

// writeError writes what Caddy's server writes about a request that ended in an error.
func (log *Request) writeError() {
	message, fields := log.errorFields()
	level := zapcore.DebugLevel
	if request.ErrorStatus(log.err) >= http.StatusInternalServerError && !log.logs.handlesErrors() {
		level = zapcore.ErrorLevel
	}
	write(log.failed, level, message, append(log.fields(), fields...))
}

func (log *Request) errorFields() (message string, fields []zapcore.Field) {
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

func (l *Logs) handlesErrors() bool {
	return l.server.Errors != nil && len(l.server.Errors.Routes) > 0
}

// writeAccess writes what Caddy's server writes about a request that it handled. The byte count of a hijacked connection comes
// from its socket, since a tunnel may bypass the server's counters.
func (log *Request) writeAccess() {
	status, size, read := log.recorder.Status(), int64(log.recorder.Size()), log.body.bytesRead()
	if log.err != nil && status == 0 {
		status = request.ErrorStatus(log.err)
	}
	if socket := log.decision.Socket; socket != nil && log.request.ProtoMajor == 1 && status == http.StatusSwitchingProtocols {
		snapshot := socket.Snapshot()
		size, read = snapshot.Out, snapshot.In
	}
	message, writeErr := "handled request", log.writeErr()
	if request.Unhandled(log.request) {
		message = "NOP"
	}
	level := zapcore.InfoLevel
	if status >= http.StatusInternalServerError {
		level = zapcore.ErrorLevel
	}
	if name, ok := caddyhttp.GetVar(log.request.Context(), caddyhttp.LogLevelVar).(string); ok {
		if parsed, err := zapcore.ParseLevel(name); err == nil && parsed >= zapcore.DebugLevel && parsed <= zapcore.ErrorLevel {
			level = parsed
		}
	}
	if !slices.ContainsFunc(log.access, func(logger *zap.Logger) bool { return logger.Core().Enabled(level) }) {
		return
	}
	fields := append(log.fields(),
		zap.Int64("bytes_read", read),
		zap.String("user_id", log.redaction.TextOf(log.userID())),
		zap.Int64("size", size),
		zap.Int("status", status),
		zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{
			Header:               log.redaction.HeaderOf(log.recorder.Header()),
			ShouldLogCredentials: log.loggable.ShouldLogCredentials,
		}))
	if writeErr != nil {
		fields = append(fields, zap.String("write_error", log.redaction.TextOf(writeErr.Error())))
	}
	fields = append(fields, extraFields(log.request.Context(), log.redaction)...)
	write(log.access, level, message, fields)
}

// fields returns the fields of every line of the request.
func (log *Request) fields() []zapcore.Field {
	return []zapcore.Field{zap.Object("request", log.loggable), zap.Duration("duration", log.duration)}
}

func write(loggers []*zap.Logger, level zapcore.Level, message string, fields []zapcore.Field) {
	for _, logger := range loggers {
		if entry := logger.Check(level, message); entry != nil {
			entry.Write(fields...)
		}
	}
}

func (log *Request) userID() string {
	replacer, ok := log.request.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	id, _ := replacer.GetString("http.auth.user.id")
	return id
}

// writeErr flushes a response that went past the write timeout, as the server does, to see whether the client got it.
func (log *Request) writeErr() error {
	timeout := time.Duration(log.logs.server.WriteTimeout)
	if log.err != nil || timeout <= 0 || log.request.ProtoMajor != 1 || log.duration < timeout {
		return nil
	}
	err := http.NewResponseController(log.recorder).Flush()
	if errors.Is(err, http.ErrHijacked) || errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
