package report

import "time"

// Shared is what the machines share. It is absent if the configuration shares nothing.
type Shared struct {
	// Whether the storage works, and whether it has worked since the process started. Limits count this machine alone while it
	// does not work.
	OK      bool `json:"ok"`
	Reached bool `json:"reached"`
	// The live machines, this one first.
	Nodes []Node `json:"nodes"`
}

// Node is one machine, or rather one process.
type Node struct {
	// The ID of the process, and the name of its machine.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Whether it is the process that answers.
	This bool `json:"this,omitempty"`
	// When the process started, by its own clock.
	Started time.Time `json:"started"`
	NodeState
}

// NodeState is what a machine says about itself once a second.
type NodeState struct {
	// The number of its open sockets, and of those of each route. Routes of one name are one.
	Sockets int            `json:"sockets"`
	Routes  map[string]int `json:"routes,omitempty"`
	// The current generation of each served directory, by URL prefix.
	Generations map[string]string `json:"generations,omitempty"`
}
