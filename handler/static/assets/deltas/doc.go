// Package deltas makes the difference between two versions of a file: which bytes turn the version that a client holds into the
// current one?
//
// The difference is a zstd frame with the earlier version as its dictionary, in the content coding "dcz" (RFC 9842). A browser that
// holds a version of a script downloads some hundred bytes after a deploy, not the script.
package deltas
