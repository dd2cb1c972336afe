package versionedassets

import (
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/pages"
)

// otherHosts returns the directories of all sites of the configuration that have a name, by host: pages may refer to them by name.
// A host with a wildcard is not known by name.
func (a *Handler) otherHosts() (hosts []pages.Host) {
	for other := range servedRoots.All() {
		if other.app != a.served[0].app {
			continue
		}
		for _, name := range hostNames(other) {
			hosts = append(hosts, pages.Host{
				Name: name, Site: assets.Site{Prefix: other.prefix, Tree: other.tree},
				Mounts: other.mounts, VersionQuery: other.versionQuery, Styles: other.styles,
			})
		}
	}
	return hosts
}

// hostNames returns how URLs name the hosts of a root: alone, since a load balancer may have any port, and with each port on which
// the server listens.
func hostNames(r *servedRoot) (names []string) {
	for _, host := range r.hosts {
		if strings.ContainsAny(host, "*{") {
			continue
		}
		host = strings.ToLower(host)
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		names = append(names, host)
		for _, port := range portsOf(r.server) {
			names = append(names, host+":"+port)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// portsOf returns the ports of a server that URLs name.
func portsOf(server *caddyhttp.Server) (ports []string) {
	if server == nil {
		return nil
	}
	for _, listen := range server.Listen {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil || address.IsUnixNetwork() {
			continue
		}
		for offset := range min(address.PortRangeSize(), maxPorts) {
			if _, port, err := net.SplitHostPort(address.JoinHostPort(offset)); err == nil && port != "80" && port != "443" {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// maxPorts bounds the ports of one address.
const maxPorts = 16
