// Package archive keeps the bytes of earlier versions, so that a page that was loaded before a deployment still gets the
// files that belong to it.
//
// A [Store] is a directory. What was put there under a name and a version is found again until it is too old, or the
// store too large: then the oldest go first. The bytes are kept once, whatever names they have; they are compared with
// their digest when they are opened, and dropped where they differ. What is held is known in memory: asking for what is
// not there never reads the disk.
package archive
