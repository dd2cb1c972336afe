package redact

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// coverage counts the encoders of a logger, and those that remove credentials. Each encoder gets the coverage itself to encode.
type coverage struct{ encoders, redacted int }

// showsCredentials reports whether a line at level DEBUG reaches a log without websocket_keys. It writes a line to find out.
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
