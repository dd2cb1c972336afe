package lifecycle

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// Resolve replaces the placeholders in a text. An unknown placeholder is an error, and so is an empty result.
func Resolve(text string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", err
	}
	if resolved == "" {
		return "", errors.New("want a value, got nothing")
	}
	return resolved, nil
}

// AtSource returns the end of an error message: the file and line of the configuration, if they are known.
func AtSource(source string) string {
	if source == "" {
		return ""
	}
	return ", at " + source
}

// Logger returns the logger of a module ID. Caddy selects log outputs by module ID.
func Logger(ctx caddy.Context, id caddy.ModuleID) *zap.Logger { return ctx.Logger(moduleID(id)) }

type moduleID caddy.ModuleID

// CaddyModule implements caddy.Module.
func (id moduleID) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(id), New: func() caddy.Module { return id }}
}
