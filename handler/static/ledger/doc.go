// Package ledger notices versions that lie: words such as the 20260211 of main.js?v=20260211 that were told of some bytes,
// and are told of other bytes now.
//
// A [Ledger] holds which bytes a version was of when it was seen last, over restarts, in one file. What is seen again is found
// without a lock. It is bounded in all directions, since clients choose what they ask for: of a path it holds the few
// versions that pages refer to, and the few that most requests share.
package ledger
