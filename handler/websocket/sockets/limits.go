package sockets

import (
	"fmt"
	"net/netip"
)

// Limits are the maximum numbers of sockets of a route: in total, per client, per key, and per user. A client is an IPv4
// address or an IPv6 /64, the usual network of one customer. Zero means no limit.
type Limits struct {
	Route, Client, Key int
	// User limits the sockets of one user. Sockets without a user have no such limit.
	User int
	// Elsewhere counts sockets of other machines, which the limits include. Nil: none.
	Elsewhere Elsewhere
}

// LimitError reports which limit is reached.
type LimitError struct {
	By  string // route, client, key or user
	Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("at most %d sockets may be open per %s", e.Max, e.By)
}

type routeKey struct{ site, route string }

// routeCount counts the sockets of one route. The registry's mutex guards it.
type routeCount struct {
	name    routeKey
	total   int
	open    int                // those with a completed handshake
	labels  map[openLabels]int // open by host and key
	clients map[netip.Prefix]int32
	keys    map[[16]byte]int32
	names   map[[16]byte]string // labels of the keys
	users   map[string]int32    // sockets without a user are not counted
}

// openLabels are what metrics tell apart among the open sockets of a route.
type openLabels struct{ host, key string }

// countOpen counts a socket that opens (1) or ends (-1). The caller holds the mutex.
func (c *routeCount) countOpen(info *Info, change int) {
	c.open += change
	labels := openLabels{info.SiteHost, info.Key}
	if c.labels[labels] += change; c.labels[labels] == 0 {
		delete(c.labels, labels)
	}
}

// reserve counts one more socket, unless a limit is reached. The caller holds the mutex.
func (r *Registry) reserve(info *Info, limits, elsewhere Limits) (*routeCount, error) {
	name := routeKey{info.Site, info.Route}
	route := r.routes[name]
	if route == nil {
		route = &routeCount{
			name: name, labels: make(map[openLabels]int),
			clients: make(map[netip.Prefix]int32), keys: make(map[[16]byte]int32), names: make(map[[16]byte]string), users: make(map[string]int32),
		}
	}
	client := ClientNetwork(info.Client)
	switch {
	case limits.Route > 0 && route.total+elsewhere.Route >= limits.Route:
		return nil, &LimitError{"route", limits.Route}
	case limits.Client > 0 && int(route.clients[client])+elsewhere.Client >= limits.Client:
		return nil, &LimitError{"client", limits.Client}
	case limits.Key > 0 && int(route.keys[info.KeyID])+elsewhere.Key >= limits.Key:
		return nil, &LimitError{"key", limits.Key}
	case limits.User > 0 && info.User != "" && int(route.users[info.User])+elsewhere.User >= limits.User:
		return nil, &LimitError{"user", limits.User}
	}
	r.routes[name] = route
	route.total++
	route.clients[client]++
	if route.keys[info.KeyID]++; route.keys[info.KeyID] == 1 {
		route.names[info.KeyID] = info.Key
	}
	if info.User != "" {
		route.users[info.User]++
	}
	return route, nil
}

// release counts one socket less. The caller holds the mutex.
func (r *Registry) release(s *Socket) {
	route := s.route
	if s.Opened() {
		route.countOpen(&s.info, -1)
	}
	if route.total--; route.total == 0 {
		delete(r.routes, route.name) // including its maps, which never shrink
		return
	}
	decrease(route.clients, ClientNetwork(s.info.Client))
	if decrease(route.keys, s.info.KeyID); route.keys[s.info.KeyID] == 0 {
		delete(route.names, s.info.KeyID)
	}
	if s.info.User != "" {
		decrease(route.users, s.info.User)
	}
}

// Move counts the socket of that [Snapshot] for another site from now on. A limit that this exceeds closes nothing.
func (r *Registry) Move(id uint64, site string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	s := r.sockets[id]
	if s == nil || s.route.name.site == site {
		return
	}
	info := s.info
	info.Site = site
	route, _ := r.reserve(&info, Limits{}, Limits{}) // without limits there is no error
	if s.Opened() {
		route.countOpen(&s.info, 1)
	}
	r.release(s)
	s.route = route
}

// siteOf returns the site for which the socket counts.
func (r *Registry) siteOf(s *Socket) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return s.route.name.site
}

func decrease[K comparable](counts map[K]int32, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// ClientNetwork returns the network that counts as one client: an IPv4 address or an IPv6 /64. All forms of an address are the
// same client: IPv4 in IPv6, and any zone. The network of the zero address is the zero prefix.
func ClientNetwork(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := 64
	if client.Is4() {
		bits = 32
	}
	network, _ := client.Prefix(bits) // fails only for the zero address
	return network
}

// OpenSockets is the number of open sockets of one route.
type OpenSockets struct {
	Site, Route string
	Open        int
}

// OpenByRoute returns the number of open sockets for each route with any socket, in no order.
func (r *Registry) OpenByRoute() []OpenSockets {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	routes := make([]OpenSockets, 0, len(r.routes))
	for name, count := range r.routes {
		routes = append(routes, OpenSockets{name.site, name.route, count.open})
	}
	return routes
}

// OpenSeries is the number of open sockets of a route with one configured host and one key label. Two sites may have the same.
type OpenSeries struct {
	Route, Host, Key string
	Open             int
}

// OpenByKey returns the numbers of open sockets, in no order. Hosts and keys without an open socket are left out.
func (r *Registry) OpenByKey() []OpenSeries {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var series []OpenSeries
	for name, count := range r.routes {
		for labels, open := range count.labels {
			series = append(series, OpenSeries{name.route, labels.host, labels.key, open})
		}
	}
	return series
}
