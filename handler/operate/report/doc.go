// Package report holds what usher reports to operators: the answers of the admin API, which the commands and the status page
// read too. No field holds a key, a ticket, a cookie or the value of a session.
package report
