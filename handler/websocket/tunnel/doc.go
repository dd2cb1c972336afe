// Package tunnel carries bytes both ways between a client's WebSocket and the application, at the least cost.
//
// A [Handler] takes a handshake (an Upgrade on HTTP/1.1, an extended CONNECT on HTTP/2 and 3), makes it to an
// [Upstream] over a connection of its own, and relays whatever the application answers. Only an answer that is a true
// 101 becomes a tunnel. On HTTP/1.1 the handler then returns: what stays is two connections, two small goroutines that
// wait for bytes without holding a buffer, and the socket's entry in the registry. On HTTP/2 and 3 the tunnel lives as
// long as its stream, and so does the handler.
//
// A [Set] knows the tunnels of the process. It outlives every configuration, looks once a second for connections that
// are stuck or silent, and closes what is open when the process stops.
package tunnel
