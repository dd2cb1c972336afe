package pages

import (
	"encoding/json"
	"net/http"
	"strings"
)

// EndpointPath is the URL path of the current generation. Pages request it to learn of a deploy.
const EndpointPath = "/.well-known/usher/generation"

// ServeHTTP answers with the current generation as JSON, or with 304 if the client has it already.
func (g *Generations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	current := g.latest()
	if current == "" {
		header.Set("Retry-After", "1")
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	header.Set("Etag", `"`+current+`"`)
	header.Set("Cache-Control", "no-cache")
	if hasGeneration(r, current) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"generation": current})
}

func hasGeneration(r *http.Request, generation string) bool {
	for tag := range strings.SplitSeq(strings.Join(r.Header["If-None-Match"], ","), ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == `"`+generation+`"` {
			return true
		}
	}
	return false
}
