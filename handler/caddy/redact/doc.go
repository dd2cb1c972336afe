// Package redact keeps credentials out of Caddy's logs.
//
// Logs writes the access and error lines of requests that may hold a credential, in place of Caddy's server. Encoder removes
// credentials from every line of a log that is configured with it. StillShowing names the loggers that show credentials at level
// DEBUG without it.
package redact
