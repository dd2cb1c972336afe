package assets

import "net/http"

// The values of Cache-Control. A header map takes them without an allocation.
var (
	// forever is for a URL that provably names these bytes (RFC 8246).
	forever = []string{"public, max-age=31536000, immutable"}
	// foreverPrivate is the same for a request with credentials. With public, a shared cache would give the file to
	// everybody (RFC 9111, 3.5).
	foreverPrivate = []string{"private, max-age=31536000, immutable"}
	// revalidate lets caches keep a copy, and makes them ask each time whether it is current (RFC 9111, 5.2.2.4).
	// Without it browsers choose a lifetime from the file's age (RFC 9111, 4.2.2).
	revalidate = []string{"no-cache"}
	// never is for responses that say nothing of the file: errors.
	never = []string{"no-store"}
)

// isForever reports a response that may be kept without revalidation.
func isForever(header http.Header) bool {
	value := header["Cache-Control"]
	return len(value) == 1 && (value[0] == forever[0] || value[0] == foreverPrivate[0])
}
