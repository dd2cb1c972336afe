// Package gate decides whether a request may open a WebSocket.
//
// The gate sees every request of a site. It passes requests that stay HTTP and do not ask for the path of a route. It compares
// all others with a closed table of routes, and rejects those that the table does not list and those without exactly one valid
// credential of their route.
//
// [Gate.Decide] makes the decision and changes nothing: [ReadHandshake] says which protocol the request asks for, [Table]
// finds the route, [Source] says where the credential is, [Origins] compares the page. [Gate.ServeHTTP] carries the decision
// out. The caller logs it and counts it.
package gate
