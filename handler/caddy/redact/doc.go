// Package redact keeps credentials out of Caddy's logs.
//
// Logs writes the access and error lines of requests that may hold a credential, in place of Caddy's server. StillShowing names
// the loggers of other handlers that show credentials at level DEBUG.
package redact
