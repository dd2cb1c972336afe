// Package ledger detects stale versions: version strings, such as the 20260211 of main.js?v=20260211, that stay in use after
// the content of the file has changed.
//
// A [Ledger] remembers in memory which content each version was requested for. A restart of the process forgets it. An
// observation that repeats an earlier one takes no lock. Clients choose what they request, so all memory is bounded, and so
// is the number of reports.
package ledger
