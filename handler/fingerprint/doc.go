// Package fingerprint knows whether a version token tells the truth about these bytes.
//
// Build tools put a digest of a file into its name or its query, each by a convention of its own. Where the convention
// is a function of the bytes alone, a token can be proved: compute and compare ([Content]). Where it is not, the tool's
// manifest may vouch for the name, or the directory that the framework keeps for versioned files ([Survey]). The shape
// of a name alone proves nothing: see the lookalikes in the tests.
//
// A proof wants eight hex digits of agreement, or 40 bits in another alphabet.
package fingerprint
