package tunnel

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Error is a failed handshake without a response to the client yet.
type Error struct {
	Status int // for the client
	Err    error
	// Retry is when the client may try again. Zero: unknown.
	Retry time.Duration
}

// RetryAfter returns Retry.
func (e *Error) RetryAfter() time.Duration { return e.Retry }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Malformed reports whether the client's handshake was invalid.
func (e *Error) Malformed() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUpgradeRequired:
		return true
	}
	return false
}

// ClientGone reports whether the client disconnected before the response.
func (e *Error) ClientGone() bool { return e.Status == statusClientGone }

// statusClientGone is the status in access logs if the client disconnected before the response. It is never sent.
const statusClientGone = 499

// newError adds a status to the error of an exchange. client is done when the client disconnects, and handshake when the
// handshake times out.
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

var errNoSwitch = errors.New("application responded to the handshake with 2xx instead of 101")

// throttleError is an error of the throttle: the client sends too much, or the socket is being closed.
type throttleError struct{ err error }

func (e *throttleError) Error() string { return e.err.Error() }
func (e *throttleError) Unwrap() error { return e.err }

func isThrottleError(err error) bool {
	var throttled *throttleError
	return errors.As(err, &throttled)
}

// writeError is an error of the sink, as opposed to the source.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func isWriteError(err error) bool {
	var write *writeError
	return errors.As(err, &write)
}
