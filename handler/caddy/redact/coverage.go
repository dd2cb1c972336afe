package redact

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// coverage finds out which encoders of a logger remove credentials. Each encoder is given the coverage itself to encode.
type coverage struct{ encoders, redacted int }

// showsCredentials reports whether a line at level DEBUG reaches a log that is not encoded by websocket_keys. It writes such a line
// to find out.
func showsCredentials(logger *zap.Logger) bool {
	seen := new(coverage)
	logger.Debug("requests are logged here", zap.Inline(seen))
	return seen.redacted < seen.encoders
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c *coverage) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	c.encoders++
	return encoder.AddReflected("credentials_removed", c)
}

// MarshalJSON is for encoders that remove no credentials.
func (c *coverage) MarshalJSON() ([]byte, error) { return []byte("false"), nil }
