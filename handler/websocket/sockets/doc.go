// Package sockets records the open sockets and closes them.
//
// A process has one [Registry], which outlives configurations, as sockets do. A [Socket] is reserved in the registry before its
// handshake is forwarded, so that limits hold. It wraps the connection or stream, counts bytes, and sends a Close frame between
// two frames of the application, never inside one (RFC 6455, 5.4 and 5.5). It leaves the registry when it ends.
//
// A socket costs no goroutine and less than a kilobyte. One goroutine serves the whole registry while any socket is open. A
// socket that is being closed has a goroutine of its own for at most a second.
//
// Rejected handshakes are here too: a [Rejecter] rejects a handshake with a Close frame that browser scripts can read. A
// [RejectionLimiter] limits the rate of such rejections for each client.
package sockets
