package versionedassets

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// dependedFields are the fields that versioned_assets depends on.
var dependedFields = []string{"Cache-Control", "Content-Type"}

// deferredFields returns which of the fields that versioned_assets depends on a headers handler changes after all others. In a
// Caddyfile, `defer`, `match`, and each field with a minus sign defer the whole block.
func deferredFields(h *headers.Handler) (fields []string) {
	if h.Response == nil || h.Response.HeaderOps == nil || !changesAssets(h.Response) {
		return nil
	}
	ops := h.Response.HeaderOps
	for _, field := range dependedFields {
		isField := func(name string) bool { return http.CanonicalHeaderKey(name) == field }
		changes := slices.ContainsFunc(ops.Delete, isField)
		for _, names := range []http.Header{ops.Set, ops.Add} {
			for name := range names {
				changes = changes || isField(name)
			}
		}
		for name := range ops.Replace {
			changes = changes || isField(name)
		}
		if changes {
			fields = append(fields, field)
		}
	}
	return fields
}

// changesAssets reports whether a deferred change may apply to a served file, whose status is 200, 206 or 304.
func changesAssets(response *headers.RespHeaderOps) bool {
	if response.Require == nil {
		return response.Deferred
	}
	for name, values := range response.Require.Headers {
		if values == nil && slices.Contains(dependedFields, http.CanonicalHeaderKey(name)) {
			return false // as by header ?Cache-Control: only if the field is missing, which served files have
		}
	}
	statuses := response.Require.StatusCode // 2 stands for 2xx
	return len(statuses) == 0 || slices.ContainsFunc(statuses, func(status int) bool {
		return slices.Contains([]int{2, 3, http.StatusOK, http.StatusPartialContent, http.StatusNotModified}, status)
	})
}

// deferredIn returns the deferred fields of handlers.
func deferredIn(steps []step) (fields []string) {
	for _, h := range steps {
		if h.headers != nil {
			fields = append(fields, deferredFields(h.headers)...)
		}
	}
	return fields
}

// mayMatch reports whether requests below a prefix may come to a route.
func mayMatch(route *caddyhttp.Route, prefixes []string) bool {
	var sets [][]string
	for _, set := range route.MatcherSetsRaw {
		sets = append(sets, lifecycle.RawPaths(set))
	}
	for _, set := range route.MatcherSets {
		sets = append(sets, lifecycle.LoadedPaths(set))
	}
	return len(sets) == 0 || slices.ContainsFunc(sets, func(paths []string) bool {
		return paths == nil || slices.ContainsFunc(paths, func(pattern string) bool {
			start, _, _ := strings.Cut(pattern, "*")
			return slices.ContainsFunc(prefixes, func(prefix string) bool {
				return strings.HasPrefix(start, prefix) || strings.HasPrefix(prefix, start) && strings.Contains(pattern, "*")
			})
		})
	})
}

// matchesAll reports whether all requests below each prefix come to a route.
func matchesAll(route *caddyhttp.Route, prefixes []string) bool {
	if len(route.MatcherSetsRaw) == 0 && len(route.MatcherSets) == 0 {
		return true
	}
	var sets [][]string
	for _, set := range route.MatcherSetsRaw {
		if len(set) == 1 { // no matcher but that of paths
			sets = append(sets, lifecycle.RawPaths(set))
		}
	}
	for _, set := range route.MatcherSets {
		if len(set) == 1 {
			sets = append(sets, lifecycle.LoadedPaths(set))
		}
	}
	covers := func(prefix string) bool {
		return slices.ContainsFunc(slices.Concat(sets...), func(pattern string) bool {
			start, isPrefix := strings.CutSuffix(pattern, "*")
			return isPrefix && !strings.Contains(start, "*") && strings.HasPrefix(prefix, start)
		})
	}
	return !slices.ContainsFunc(prefixes, func(prefix string) bool { return !covers(prefix) })
}

// warnOfDeferred logs deferred header changes: they replace the Cache-Control of assets, and a type that they set is not seen.
func (a *Handler) warnOfDeferred(ctx caddy.Context) {
	if len(a.place.deferred) > 0 {
		ctx.Logger().Warn("deferred header change overrides versioned_assets", zap.Strings("fields", a.place.deferred),
			zap.String("remedy", "set the field in a header block without defer, match and - fields, or exclude the assets with a matcher"),
			zap.String("source", a.Serve[0].Source))
	}
}
