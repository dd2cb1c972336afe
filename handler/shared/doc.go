// Package shared lets the processes of one site act as one, through a storage that all of them reach: how many sockets do the
// other nodes have open, what was revoked on any node, and was this ticket used on another node?
//
// The storage is the one that Caddy has for certificates. It has no counters, no notifications, no expiry and no
// compare-and-swap, and it may be slow or away for a while. So no request waits for it, except the use of a single-use ticket.
// Each node writes only objects of its own. No decision depends on the clock of another node.
package shared
