// Package testwait says how long a test waits for an event.
package testwait

import "time"

// Limit bounds the wait for what normally takes milliseconds. It is long, since the machine may be busy.
const Limit = time.Minute
