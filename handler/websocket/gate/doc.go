// Package gate decides whether a request may open a WebSocket.
//
// It looks at every request of a site. One that does not try to leave HTTP, and does not ask for the path of a route,
// is none of its business. Every other is compared with a closed table of routes: what the table does not list is
// refused, and so is whatever presents no key, a wrong one, two, or the key of another route.
//
// The order is: [Handshake] says what is being tried, [Table] finds the route, [Source] says where its key stands,
// [Origins] looks at who sent the browser, and [Gate.Decide] puts them together without touching the request.
// [Gate.ServeHTTP] then answers, or hands the request on.
package gate
