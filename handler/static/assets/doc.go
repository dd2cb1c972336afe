// Package assets serves static files, and chooses how long each response may be cached.
//
// A [Handler] answers a request in three steps. It finds the file that the URL names (find.go): in the catalog, in the archive,
// or on disk. It decides on status, caching and content coding (decide.go). It writes the response (write.go), with net/http
// for ranges and preconditions (conditional.go), and from disk if the file is not in memory (send.go). [Handler.Explain]
// prints the decision.
//
// Package tree follows a directory and publishes its files as a catalog. Package variants compresses contents. Neither knows
// of requests.
package assets
