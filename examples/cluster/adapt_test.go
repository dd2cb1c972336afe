package main

import (
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestCaddyfilesAdapt(t *testing.T) {
	for _, name := range []string{"redis.Caddyfile", "files.Caddyfile"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(content, map[string]any{"filename": name}); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %v", name, err, warnings)
		}
	}
}
