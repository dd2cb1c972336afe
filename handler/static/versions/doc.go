// Package versions shares the bytes of each version of a file between the machines of a site. In a rolling deploy every machine
// answers the URLs of every other.
//
// A [Store] keeps everything in a storage that all machines use. Below its directory are
//
//   - generations/<SHA-256>: a list of names, versions and digests that a machine published, and when it expires. The list itself is a
//     blob, named by its digest. Machines with the same files write the same list.
//   - blobs/<SHA-256>.<n>: content, in pieces.
//   - promises/<month>-<hash>: promises of immutable URLs.
//
// The lists are in memory. A name that no list has is looked for in storage again at most four times a second, for all requests
// together. So requests for invented versions cost no storage operation each.
package versions
