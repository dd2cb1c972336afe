// Command cluster is Caddy with usher and a storage in Redis.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/pberkel/caddy-storage-redis"

	_ "github.com/scan2food/usher"
)

func main() { caddycmd.Main() }
