package versionedassets

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// TreesOf returns the trees of the assets handlers of a server.
func TreesOf(server *caddyhttp.Server) (trees []*tree.Tree) {
	for _, handler := range handlersIn(server.Routes) {
		for _, served := range handler.served {
			trees = append(trees, served.tree)
		}
	}
	return trees
}

func handlersIn(routes caddyhttp.RouteList) (handlers []*Handler) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *caddyhttp.Subroute:
				handlers = append(handlers, handlersIn(handler.Routes)...)
			case *Handler:
				handlers = append(handlers, handler)
			}
		}
	}
	return handlers
}

// HasNext reports whether a handler follows that of a root, in routes that are being provisioned.
func HasNext(routes caddyhttp.RouteList, root *Root) bool {
	a := &Handler{Serve: []*Root{root}}
	found, _ := findPlace(&caddyhttp.Server{Routes: routes}, a.prefixes(), a.isOwn)
	return found.next
}

// WaitForChecks waits until the assets handlers of a server have logged what they check at start.
func WaitForChecks(server *caddyhttp.Server) {
	handlers := handlersIn(server.Routes)
	for _, route := range server.NamedRoutes {
		handlers = append(handlers, handlersIn(caddyhttp.RouteList{*route})...)
	}
	for _, handler := range handlers {
		<-handler.checked
	}
}

// HostNames returns how URLs name the hosts of a server.
func HostNames(hosts, listen []string) []string {
	return hostNames(&servedRoot{hosts: hosts, server: &caddyhttp.Server{Listen: listen}})
}

// HostsInCommon counts the hosts that two sites have in common.
func HostsInCommon(a, b []string) (equal, overlapping int) { return newHostSet(a).common(b) }

// CorkedLength, KernelCopies and StaleVersions are for tests.
const CorkedLength = minCorked

var (
	KernelCopies  = enableKernelCopy
	StaleVersions = staleVersionsTotal
)

// NewForTree returns a handler of one tree at /static/, for benchmarks without a configuration.
func NewForTree(tree *tree.Tree, stamp ...string) *Handler {
	a := &Handler{VersionQuery: []string{"v"}, Stamp: stamp}
	a.handler = &assets.Handler{Sites: []assets.Site{{Prefix: "/static/", Tree: tree}}}
	a.pages = a.newPages()
	return a
}
