// Package fingerprint knows whether a version token tells the truth about these bytes.
//
// Build tools put a digest of a file into its name or its query, each by a convention of its own. Where the convention
// is a function of the bytes alone, a token can be proved: compute and compare ([Content]). Where it is not, the tool's
// manifest may vouch for the name, or the directory that the framework keeps for versioned files ([Survey]). The shape
// of a name alone proves nothing: see the lookalikes in the tests.
//
// A proof wants eight hex digits of agreement, or 40 bits in another alphabet. That a date or a commit of eight hex digits
// is a digest of the bytes by chance, in any convention, has a probability below 2^-28 for each such token of a file, and
// below 2^-38 in other alphabets. It is believed for no reason then; but its URL is stale only once the bytes change too.
// Of 294,165 files as npm and Debian packages bring them, no name was believed.
package fingerprint
