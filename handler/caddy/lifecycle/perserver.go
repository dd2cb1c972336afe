package lifecycle

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Server returns the HTTP server whose routes are being provisioned, or nil outside a server.
func Server(ctx caddy.Context) *caddyhttp.Server {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server
}

// PerServer is the set of values that the modules of all loaded configurations share, by server and in load order. It is
// how a gate, a tunnel and an assets handler of one server find each other. Reads take no lock. The zero value is empty.
type PerServer[T comparable] struct {
	changing sync.Mutex
	members  atomic.Pointer[[]member[T]]
}

type member[T comparable] struct {
	server *caddyhttp.Server
	value  T
}

func (s *PerServer[T]) load() []member[T] {
	if members := s.members.Load(); members != nil {
		return *members
	}
	return nil
}

// Of yields the values of one server.
func (s *PerServer[T]) Of(server *caddyhttp.Server) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, member := range s.load() {
			if member.server == server && !yield(member.value) {
				return
			}
		}
	}
}

// All yields the values of all servers.
func (s *PerServer[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, member := range s.load() {
			if !yield(member.value) {
				return
			}
		}
	}
}

// Add adds a value of a server. The server may be nil.
func (s *PerServer[T]) Add(server *caddyhttp.Server, value T) {
	s.changing.Lock()
	defer s.changing.Unlock()
	members := append(slices.Clone(s.load()), member[T]{server, value})
	s.members.Store(&members)
}

// Remove removes one occurrence of the value at the server. It ignores an absent value.
func (s *PerServer[T]) Remove(server *caddyhttp.Server, value T) {
	s.changing.Lock()
	defer s.changing.Unlock()
	i := slices.IndexFunc(s.load(), func(m member[T]) bool { return m == member[T]{server, value} })
	if i < 0 {
		return
	}
	members := slices.Delete(slices.Clone(s.load()), i, i+1)
	s.members.Store(&members)
}
