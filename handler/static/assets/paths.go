package assets

import (
	"net/http"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// hidesTarget reports a link to a file that a pattern hides.
func (h *Handler) hidesTarget(site *Site, file *tree.File) bool {
	return len(h.Hide) > 0 && file.Disk != file.Path && file.Disk != "" && h.Hide.Hides(site.Prefix+file.Disk)
}

// encodesSlash reports an escaped slash in the URL, which is no separator. The decoded path does not show it.
func encodesSlash(r *http.Request) bool {
	return strings.Contains(r.URL.RawPath, "%2F") || strings.Contains(r.URL.RawPath, "%2f")
}
