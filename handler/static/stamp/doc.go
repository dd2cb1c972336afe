// Package stamp knows which version each reference in a page, a stylesheet or a script names, and puts it there.
//
// A [Stamper] is told which version a path has. [Page] rewrites HTML as it passes, in bounded memory;
// [Stamper.Style] and [Stamper.Script] rewrite files that are held in memory; [Stamper.Files] does so for all files of a
// site, in such an order that a file's version covers what it refers to. Every byte that is not part of a reference to a
// served asset stays as it was, and where it is not certain what a reader will make of the bytes, they stay too.
package stamp
