// Package keys stores the keys of a gate and decides whether a key or ticket is valid now.
//
// A [Key] is one secret with a label. A [Ring] holds all keys of a gate and is immutable. Secrets are not stored: a ring
// compares digests in constant time, and reports a key by its label.
package keys
