// Package pages stamps the HTML responses that pass, from any handler: references to served assets get the version of their
// present content.
//
// A [Stamper] wraps a handler. It decides from the header of a response alone whether the response is a page; everything else
// passes untouched. A page becomes another page when the assets change, so its entity tag holds the generation of the assets,
// and requests with preconditions are answered for the stamped page. [Generations] follows that generation for other modules.
package pages
