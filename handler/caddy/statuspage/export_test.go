package statuspage

// Internals that the tests of the package's users need.
var (
	IsProtected = isProtected
	IsLoopback  = isLoopback
)
