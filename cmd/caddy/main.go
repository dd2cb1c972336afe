// Command caddy is Caddy with usher and the embedded application of the quickstart, for `go run ./cmd/caddy`. Use xcaddy for
// production builds, which contain only the module.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/scan2food/usher"
	_ "github.com/scan2food/usher/examples/quickstart/application"
)

func main() {
	caddycmd.Main()
}
