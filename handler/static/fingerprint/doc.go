// Package fingerprint decides whether a version in a URL is evidence of a file's content.
//
// Build tools put a digest of a file into the file's name or query, each tool by its own convention. If the convention depends on
// the content alone, a version is proved by computing the digest and comparing ([Content]). Otherwise the manifest of the tool
// may list the name, or the file may be in a framework's directory for versioned files ([Survey]). The shape of a name is never
// evidence: the tests have many names that look versioned and are not.
//
// A proof needs eight matching hex digits, or 40 bits in another alphabet. The probability that a date or a commit of eight hex
// digits matches by chance, in any convention, is below 2^-28. In other alphabets it is below 2^-38. After such a match, the URL
// becomes stale only when the file changes. None of the 294,165 file names in a sample of npm and Debian packages matched.
package fingerprint
