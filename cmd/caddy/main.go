// Command caddy is Caddy with usher built in, for `go run ./cmd/caddy`. It also holds the quickstart's embedded
// application; a production build is made with xcaddy, which takes the module alone.
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
