package lifecycle

import (
	"cmp"
	"runtime/debug"
)

const modulePath = "github.com/scan2food/usher"

// development is the version of a build from a directory, as in Go's build information.
const development = "(devel)"

// Version returns the version of usher in this build, such as v0.1.0. It is "(devel)" for a build from a directory.
func Version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return development
	}
	return versionIn(build)
}

// versionIn returns the version of usher in a build, in which usher is the main module or a dependency.
func versionIn(build *debug.BuildInfo) string {
	if build.Main.Path == modulePath {
		return cmp.Or(build.Main.Version, development)
	}
	for _, dependency := range build.Deps {
		if dependency.Path != modulePath {
			continue
		}
		if dependency.Replace != nil { // a directory has no version
			return cmp.Or(dependency.Replace.Version, development)
		}
		return cmp.Or(dependency.Version, development)
	}
	return development
}
