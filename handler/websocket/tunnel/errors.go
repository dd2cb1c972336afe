package tunnel

import (
	"context"
	"errors"
	"net/http"
)

// Error is a handshake that did not become a tunnel, for which the client has not been answered yet.
type Error struct {
	Status int // that the client should get
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Malformed reports whether the client's own handshake was at fault.
func (e *Error) Malformed() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUpgradeRequired:
		return true
	}
	return false
}

// ClientGone reports whether the client left before it was answered.
func (e *Error) ClientGone() bool { return e.Status == statusClientGone }

// statusClientGone is the status in access logs of a client that left before it was answered. No client sees it.
const statusClientGone = 499

// newError gives a failed exchange the status that tells of it. client ends when the client leaves, handshake when the
// application has taken too long.
func newError(client, handshake context.Context, err error) *Error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case client.Err() != nil:
		return &Error{Status: statusClientGone, Err: context.Cause(client)}
	case handshake.Err() != nil:
		return &Error{Status: http.StatusGatewayTimeout, Err: err}
	default:
		return &Error{Status: http.StatusBadGateway, Err: err}
	}
}

var errNoSwitch = errors.New("the application answered the handshake with a success that is not a 101")

// writeError is a failure of the side that bytes go to, not of the side that they come from.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func isWriteError(err error) bool {
	var write *writeError
	return errors.As(err, &write)
}
