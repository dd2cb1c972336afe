package versionedassets

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/pages"
)

// otherHosts returns the directories of all hosts of the configuration that have a name without a wildcard: pages may refer to
// these hosts. A host without `stamp html` has no pages of its own, so its deploys are new generations of the pages of other
// hosts. The order is the same on all machines with this configuration.
func (a *Handler) otherHosts() (hosts []pages.Host) {
	for other := range servedRoots.All() {
		if other.app != a.served[0].app {
			continue
		}
		for _, name := range hostNames(other) {
			hosts = append(hosts, pages.Host{
				Name: name, Site: assets.Site{Prefix: other.prefix, Tree: other.tree},
				Mounts: other.mounts, VersionQuery: other.versionQuery, Styles: other.styles,
				IsPart: !other.stamped,
			})
		}
	}
	slices.SortFunc(hosts, func(x, y pages.Host) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Site.Prefix, y.Site.Prefix), slices.Compare(x.Mounts, y.Mounts))
	})
	return hosts
}

// warnOfWildcardHosts logs the hosts that have files, no pages, and no name but a wildcard. References to their files are not
// stamped: the name of such a host may be that of another server.
func (a *Handler) warnOfWildcardHosts(ctx caddy.Context) {
	if !a.Stamps(StampHTML) {
		return
	}
	var names []string
	for other := range servedRoots.All() {
		hasName := slices.ContainsFunc(other.hosts, func(host string) bool { return !isWildcard(host) })
		if other.app == a.served[0].app && !other.stamped && !other.hasPages && !hasName {
			names = append(names, other.hosts...)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		ctx.Logger().Warn("files of a wildcard host are not stamped", zap.Strings("hosts", slices.Compact(names)),
			zap.String("remedy", "add the host of the files by its name to the address of their site"), zap.String("source", a.Serve[0].Source))
	}
}

func isWildcard(host string) bool { return strings.ContainsAny(host, "*{") }

// hostNames returns how URLs name the hosts of a root: alone, since a load balancer may have any port, and with each port on which
// the server listens.
func hostNames(r *servedRoot) (names []string) {
	for _, host := range r.hosts {
		if isWildcard(host) {
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
