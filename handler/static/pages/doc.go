// Package pages stamps the HTML responses of all handlers: references to served assets get the version of their current content.
//
// A [Stamper] wraps a handler. It decides from the header of a response alone whether the response is a page; everything else
// passes unchanged. A stamped page changes when the assets change, so its entity tag contains the generation of the assets, and
// preconditions are evaluated for the stamped page. [Generations] follows that generation for other modules.
package pages
