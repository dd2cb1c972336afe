// Package directread reads connections with one system call per message.
//
// # What it does
//
// A portable read of an idle connection takes two steps: wait for bytes without a buffer, then read. Before each wait it must
// peek, since the runtime reports the arrival of bytes only once. So each message costs a peek that finds nothing and a read.
//
// A [Source] saves the peek. It reads inside the callback of [syscall.RawConn.Read]. The runtime remembers every edge that
// epoll reports during the callback, so no edge is lost (epoll(7)). A read that does not fill its buffer has emptied the
// connection, and the next bytes cause a new edge. The callback passes the bytes on before it returns, so a Close of the
// connection waits until they are written.
//
// Two cases need care:
//
//   - The end of a connection may come in one edge with bytes. A short read then takes the bytes, and no edge follows. On
//     Linux a second epoll set reports only ends (EPOLLRDHUP). Elsewhere a Source reads until nothing is there.
//   - Another goroutine may close a client's socket at any time, and then reads the client's Close frame. A Source therefore
//     reads through [sockets.Conn.TryRead]. While the socket is being closed, TryRead fails, and the Source uses ordinary
//     reads.
//
// [BelowTLS] does the same for TLS. It must wrap the TCP connection before TLS starts. The Source then reads TLS until a read
// of the TCP connection would block. crypto/tls continues after a temporary error.
//
// # Figures
//
// 128-byte echoes per second of the server's processor time, medians of 21 rounds in which the servers take turns, in
// cleartext, on a busy machine: 38,237 with direct reads, 32,155 without (19 % more; other runs gave 13 to 15 %).
//
// Over TLS, direct reads need BelowTLS. Seven rounds on a busy machine gave 25,053 echoes with it and 25,682 without, which is no
// difference. The memory of an idle socket is the same with and without direct reads: 9.0 KB, and 17.6 KB over TLS.
//
// # How to switch it off
//
// Write portable_reads into websocket_tunnel ("portable_reads": true in JSON), and remove the websocket_tunnel listener wrapper
// if there is one. Tunnels then read with the sources of package tunnel. All tests of package tunnel run with both.
package directread
