// Package assets knows which bytes answer a URL, and how long they may be kept.
//
// A [Tree] follows a directory on disk. What it holds at one moment is a [Catalog], which never changes once it is
// published: a request reads one pointer and one map, and never the disk, but for files that are too large for memory.
// A change on disk becomes a catalog of its own when the tree has been quiet for a while, so that nobody gets half a
// file, or a new page with old scripts.
//
// [Policy] says how long an answer may be kept, from the [Evidence] that its URL names its bytes. [Handler] answers.
package assets
