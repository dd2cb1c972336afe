// Package lifecycle holds what a module needs while Caddy loads and unloads configurations: its server, the other usher
// modules of that server, values that outlive a configuration, the start event, and resolved placeholders.
package lifecycle
