// Package fingerprint knows whether a version token tells the truth about these bytes.
//
// Build tools put a digest of a file into its name or its query, each by a convention of its own. Where the convention
// is a function of the bytes alone, a token can be proved: compute and compare. Where it is not, a build manifest may
// vouch for the name. The shape of a name alone proves nothing: see the lookalikes in the tests.
//
// A proof wants at least [MinBits] bits of agreement: eight hex digits, or as much in another alphabet.
package fingerprint
