// Package usher plugs three handlers into Caddy: a gate that decides who may open a WebSocket, a tunnel that carries
// the admitted sockets to the application, and a server of static assets that keeps each for as long as its URL has
// earned. The work itself is in handler/..., which knows nothing of Caddy.
package usher
