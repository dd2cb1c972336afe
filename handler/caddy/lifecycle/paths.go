package lifecycle

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// RawPaths returns the patterns of the path matcher in a matcher set that is not loaded. It returns nil if there is none.
func RawPaths(set caddy.ModuleMap) (paths []string) {
	_ = json.Unmarshal(set["path"], &paths)
	return paths
}

// LoadedPaths returns the patterns of the path matcher in a loaded matcher set. It returns nil if there is none.
func LoadedPaths(set caddyhttp.MatcherSet) []string {
	for _, matcher := range set {
		switch matcher := matcher.(type) {
		case *caddyhttp.MatchPath:
			return *matcher
		case caddyhttp.MatchPath:
			return matcher
		}
	}
	return nil
}
