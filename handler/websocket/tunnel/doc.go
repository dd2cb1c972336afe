// Package tunnel forwards WebSockets between clients and the application at low cost.
//
// A [Handler] receives a handshake: an Upgrade on HTTP/1.1, or an extended CONNECT on HTTP/2 and 3. It sends the handshake to
// an [Upstream] on a new connection and relays the response. Only a valid 101 opens a tunnel. On HTTP/1.1 the handler then
// returns. What remains is two connections, two goroutines that wait for bytes without a buffer, and the socket's entry in the
// registry. On HTTP/2 and 3 the handler runs as long as its stream.
//
// A [Set] holds the tunnels of the process and outlives configurations. Once a second it inspects them for blocked writes and
// silent sides. It closes them when the process stops.
package tunnel
