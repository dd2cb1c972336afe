package lifecycle

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	const other = "github.com/scan2food/usher-plugin"
	for _, c := range []struct {
		name, want, why string
		build           debug.BuildInfo
	}{
		{"xcaddy", "v0.1.0", "a build by xcaddy has usher as a dependency", debug.BuildInfo{
			Main: debug.Module{Path: "caddy"}, Deps: []*debug.Module{{Path: other, Version: "v9.0.0"}, {Path: modulePath, Version: "v0.1.0"}},
		}},
		{"replaced by a fork", "v0.2.0", "the replacement was built", debug.BuildInfo{
			Deps: []*debug.Module{{Path: modulePath, Version: "v0.1.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v0.2.0"}}},
		}},
		{"replaced by a directory", "(devel)", "the required version was not built", debug.BuildInfo{
			Deps: []*debug.Module{{Path: modulePath, Version: "v0.1.0", Replace: &debug.Module{Path: "../usher"}}},
		}},
		{"cmd/caddy", "v0.1.1", "the main module is usher", debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "v0.1.1"}}},
		{"cmd/caddy without git", "(devel)", "Go knows no version", debug.BuildInfo{Main: debug.Module{Path: modulePath}}},
		{"without usher", "(devel)", "build information may lack modules", debug.BuildInfo{Main: debug.Module{Path: "caddy"}}},
	} {
		if got := versionIn(&c.build); got != c.want {
			t.Errorf("%s: got %s, want %s (%s)", c.name, got, c.want, c.why)
		}
	}
}
