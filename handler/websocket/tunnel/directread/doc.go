// Package directread reads connections with one system call for each message.
//
// # What it does
//
// A portable read of a connection that may be idle for hours takes two calls: one that waits until there are bytes, without
// holding a buffer, and one that reads them. Before it waits, it must ask whether bytes are there already, since the runtime
// reports their arrival only once. So each message costs a peek that finds nothing and a read.
//
// A [Source] saves the peek. It reads inside the callback of [syscall.RawConn.Read]. The runtime remembers every edge that epoll
// reports while the callback runs, so no edge is lost (epoll(7)). A read that does not fill its buffer has emptied the
// connection, and the next bytes cause a new edge. The callback hands the bytes on before it returns, so a Close of the
// connection waits until they are written.
//
// Two things need care:
//
//   - The end of a connection may come in one edge with bytes. A short read then takes the bytes, and no edge follows. On Linux
//     a second epoll set reports ends alone (EPOLLRDHUP). Elsewhere each read is followed by another until nothing is there.
//   - The socket of a client may be closed at any time by another goroutine, which then reads the client's answer. A Source
//     therefore reads through [sockets.Conn.TryRead]. While the socket is being closed, TryRead fails, and the Source goes on with
//     ordinary reads.
//
// [BelowTLS] does the same for TLS. It must be put around the TCP connection before TLS starts. The Source then reads TLS until a
// read from the TCP connection would block; crypto/tls continues after an error that is temporary.
//
// # Figures
//
// 128-byte echoes by the second of the server's processor time, medians of 21 rounds in which the servers take turns, in
// cleartext, on a busy machine: 38,237 with direct reads, 32,155 without (19 % more; other runs gave 13 to 15 %). Over TLS without
// BelowTLS there are no direct reads. With BelowTLS seven rounds gave 25,053 with and 25,682 without: no difference there, while
// a quiet machine gave 14 %. The memory of an idle socket is the same with and without: 9.0 KB, and 17.6 KB over TLS.
//
// # How to switch it off
//
// Write portable_reads into websocket_tunnel ("portable_reads": true in JSON), and remove the websocket_tunnel listener wrapper
// if there is one. Tunnels then read with package tunnel's own sources. All tests of package tunnel run with both.
package directread
