// Package testwait holds the time limit of waits in tests.
package testwait

import "time"

// Limit bounds waits that normally take milliseconds. It is long because the machine may be busy.
const Limit = time.Minute
