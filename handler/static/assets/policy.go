package assets

import (
	"net/http"
	"strings"
)

// The values of Cache-Control, in a form that a header map takes without allocating.
var (
	// forever is for a URL that provably names these bytes (RFC 8246).
	forever = []string{"public, max-age=31536000, immutable"}
	// foreverPrivate is that where the request had to show who it is from: with public, a shared cache would give the file to
	// everybody (RFC 9111, 3.5).
	foreverPrivate = []string{"private, max-age=31536000, immutable"}
	// revalidate lets a copy be kept and asks each time whether it is still good (RFC 9111, 5.2.2.4). Without it browsers
	// guess a lifetime from the file's age (RFC 9111, 4.2.2).
	revalidate = []string{"no-cache"}
	// never is for what says nothing of the resource: errors.
	never = []string{"no-store"}
)

// Use is what a request says about how the file will be used.
type Use struct {
	// ServiceWorker is the script of a service worker: the header Service-Worker: script.
	ServiceWorker bool
	// Authorized is a request with an Authorization header.
	Authorized bool
	// Version is what the version in the query proves.
	Version Evidence
}

// Policy is the Cache-Control of a file.
func Policy(f *File, use Use) []string {
	switch {
	case use.ServiceWorker, f.IsManifest, strings.HasPrefix(f.contentType[0], "text/html"):
		return revalidate
	case use.Version.Kind == Outdated:
		return never
	case f.Evidence.Kind == NoEvidence && use.Version.Kind == NoEvidence:
		return revalidate
	case use.Authorized:
		return foreverPrivate
	default:
		return forever
	}
}

// isForever reports an answer that may be kept without asking again.
func isForever(header http.Header) bool {
	value := header["Cache-Control"]
	return len(value) == 1 && (value[0] == forever[0] || value[0] == foreverPrivate[0])
}
