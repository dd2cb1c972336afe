// Package variants compresses contents, and keeps the results.
//
// A [Set] holds the variants of one content: the content in other content codings (RFC 9110, 8.4.1). A [Maker] fills the
// sets of many contents in the background. Until it is done the contents are served as they are. [Choose] picks the
// variant for a request.
//
// A variant is on disk if the configuration has an archive: then it is made once, and later processes find it. As many
// variants as fit into a fixed part of the memory are in memory too. Without an archive a variant is in memory or is not
// made.
package variants
