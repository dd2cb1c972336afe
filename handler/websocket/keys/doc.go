// Package keys knows which keys are good now.
//
// A [Key] is one secret under a label; a [Ring] holds all keys of a gate and is never changed once it is made. The
// secrets themselves are kept nowhere: a ring compares digests, in constant time, and what it says of a key is its label.
package keys
