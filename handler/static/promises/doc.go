// Package promises remembers which content each URL was given out for as immutable, for as long as a browser may hold it.
//
// A [Store] is a file of lines, which several processes may share. Its lines hold hashes of paths and versions, not their
// text. Lookups read memory only, and take no lock. A store honors the promises of [Related] stores, which were given under other hosts or
// prefixes.
package promises
