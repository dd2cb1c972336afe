package sockets

import (
	"fmt"
	"net/netip"
)

// Limits is how many sockets of a route may be there at once: in all, of one client, by one key, of one user. A client is an IPv4
// address, or the /64 of an IPv6 address, which is what one customer can be expected to hold. Zero is no limit.
type Limits struct {
	Route, Client, Key int
	// User limits the sockets of one user. Sockets without a user have no such limit.
	User int
}

// LimitError says which limit was met.
type LimitError struct {
	By  string // route, client, key or user
	Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("at most %d sockets may be open per %s", e.Max, e.By)
}

type routeKey struct{ site, route string }

// routeCount is what is there of one route. The registry's mutex guards it.
type routeCount struct {
	name    routeKey
	total   int
	open    int // of all, those whose handshake has succeeded
	clients map[netip.Prefix]int32
	keys    map[[16]byte]int32
	users   map[string]int32 // without sockets of no user
}

// reserve counts one more socket, unless a limit is met. The mutex is held.
func (r *Registry) reserve(info *Info, limits Limits) (*routeCount, error) {
	name := routeKey{info.Site, info.Route}
	route := r.routes[name]
	if route == nil {
		route = &routeCount{name: name, clients: make(map[netip.Prefix]int32), keys: make(map[[16]byte]int32), users: make(map[string]int32)}
	}
	client := clientNetwork(info.Client)
	switch {
	case limits.Route > 0 && route.total >= limits.Route:
		return nil, &LimitError{"route", limits.Route}
	case limits.Client > 0 && int(route.clients[client]) >= limits.Client:
		return nil, &LimitError{"client", limits.Client}
	case limits.Key > 0 && int(route.keys[info.KeyID]) >= limits.Key:
		return nil, &LimitError{"key", limits.Key}
	case limits.User > 0 && info.User != "" && int(route.users[info.User]) >= limits.User:
		return nil, &LimitError{"user", limits.User}
	}
	r.routes[name] = route
	route.total++
	route.clients[client]++
	route.keys[info.KeyID]++
	if info.User != "" {
		route.users[info.User]++
	}
	return route, nil
}

// release counts one socket less. The mutex is held.
func (r *Registry) release(s *Socket) {
	route := s.route
	if s.Opened() {
		route.open--
	}
	if route.total--; route.total == 0 {
		delete(r.routes, route.name) // with its maps, which would never shrink
		return
	}
	decrease(route.clients, clientNetwork(s.info.Client))
	decrease(route.keys, s.info.KeyID)
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
	route, _ := r.reserve(&info, Limits{}) // without limits there is no error
	if s.Opened() {
		route.open++
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

// clientNetwork is what counts as one client. Forms of one address are one: IPv4 in IPv6, and any zone.
func clientNetwork(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := 64
	if client.Is4() {
		bits = 32
	}
	network, _ := client.Prefix(bits) // the zero address has none, and is one client as well
	return network
}

// OpenSockets is how many sockets of one route are open.
type OpenSockets struct {
	Site, Route string
	Open        int
}

// OpenByRoute counts the open sockets of each route that has any socket, in no order.
func (r *Registry) OpenByRoute() []OpenSockets {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	routes := make([]OpenSockets, 0, len(r.routes))
	for name, count := range r.routes {
		routes = append(routes, OpenSockets{name.site, name.route, count.open})
	}
	return routes
}
