// Package sockets knows which sockets are open, and closes them.
//
// A [Registry] is one a process and outlives configurations, as sockets do. A [Socket] takes its place in it before its
// handshake is handed on, so that limits hold; wraps what the handshake turns into, so that bytes are counted and a
// Close frame can be put between two frames of the application, never inside one (RFC 6455, 5.4 and 5.5); and leaves its
// place when it ends, however it ends.
//
// A socket costs no goroutine and less than a kilobyte. One goroutine serves the whole registry while any socket is
// open; a socket that is being closed has one of its own, for at most a second.
//
// What never becomes a socket is here too: a [Rejecter] refuses a handshake by a Close frame that a browser can read, and
// [RejectionLimiter] bounds how often one client is refused at length.
package sockets
