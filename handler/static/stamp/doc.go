// Package stamp adds the version of the referenced file to references in HTML, CSS and JavaScript.
//
// A [Rewriter] takes the versions from a function. [Rewriter.PageWriter] rewrites HTML while it is written, in bounded memory.
// [Rewriter.Style] and [Rewriter.Script] rewrite one file in memory. [Rewriter.Files] rewrites all files of a site, so that the
// version of a file changes with the files that it refers to.
//
// Bytes that are no part of a reference to a served file stay unchanged. A reference also stays unchanged if its meaning is
// uncertain, for example because the markup around it is ambiguous.
package stamp
