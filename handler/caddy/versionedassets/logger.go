package versionedassets

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// currentLogger is the logger of the configuration in force, for what outlives a configuration. Until it is set it logs nothing.
type currentLogger struct{ atomic.Pointer[zap.Logger] }

func (l *currentLogger) set(logger *zap.Logger) { l.Store(logger) }

// Logger returns a logger that passes everything to the current one.
func (l *currentLogger) Logger() *zap.Logger { return zap.New(passing{to: l}) }

// passing is a core that passes entries to the core of the current logger.
type passing struct {
	to     *currentLogger
	fields []zapcore.Field
}

func (p passing) core() (core zapcore.Core, name string) {
	if logger := p.to.Load(); logger != nil {
		return logger.Core(), logger.Name()
	}
	return zapcore.NewNopCore(), ""
}

// Enabled reports whether the current logger logs a level.
func (p passing) Enabled(level zapcore.Level) bool {
	core, _ := p.core()
	return core.Enabled(level)
}

// With adds fields to later entries.
func (p passing) With(fields []zapcore.Field) zapcore.Core {
	return passing{p.to, append(p.fields[:len(p.fields):len(p.fields)], fields...)}
}

// Check adds the core to an entry that the current logger logs.
func (p passing) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if p.Enabled(entry.Level) {
		return checked.AddCore(entry, p)
	}
	return checked
}

// Write writes an entry with the current logger.
func (p passing) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	core, name := p.core()
	entry.LoggerName = name
	if checked := core.Check(entry, nil); checked != nil {
		checked.Write(append(p.fields[:len(p.fields):len(p.fields)], fields...)...)
	}
	return nil
}

// Sync flushes the current logger.
func (p passing) Sync() error {
	core, _ := p.core()
	return core.Sync()
}
