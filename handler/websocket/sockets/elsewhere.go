package sockets

import (
	"maps"
	"net/netip"
)

// Elsewhere counts the sockets that other machines have open on one route. Each method must be quick: a handshake waits for it.
type Elsewhere interface {
	Route() int
	Client(network netip.Prefix) int
	Key(label string) int
	User(user string) int
}

// elsewhere returns the counts of other machines that the limits need.
func (l *Limits) elsewhere(client netip.Addr, key, user string) (counts Limits) {
	other := l.Elsewhere
	if other == nil {
		return counts
	}
	if l.Route > 0 {
		counts.Route = other.Route()
	}
	if l.Client > 0 {
		counts.Client = other.Client(ClientNetwork(client))
	}
	if l.Key > 0 {
		counts.Key = other.Key(key)
	}
	if l.User > 0 && user != "" {
		counts.User = other.User(user)
	}
	return counts
}

// RouteSockets are the sockets of one route, unfinished handshakes included.
type RouteSockets struct {
	Total   int
	Clients map[netip.Prefix]int32
	Keys    map[string]int32 // by label
	Users   map[string]int32
}

// CountRoute returns the sockets of one route, by what the limits limit.
func (r *Registry) CountRoute(site, route string, limits Limits) (counts RouteSockets) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	count := r.routes[routeKey{site, route}]
	if count == nil {
		return counts
	}
	counts.Total = count.total
	if limits.Client > 0 {
		counts.Clients = maps.Clone(count.clients)
	}
	if limits.Key > 0 {
		counts.Keys = make(map[string]int32, len(count.keys))
		for id, number := range count.keys {
			counts.Keys[count.names[id]] += number
		}
	}
	if limits.User > 0 {
		counts.Users = maps.Clone(count.users)
	}
	return counts
}
