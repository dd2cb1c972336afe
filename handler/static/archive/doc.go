// Package archive stores the content of earlier versions of files, so that a page that was loaded before a deployment still
// gets the files that belong to it.
//
// A [Store] is a directory. An entry has a name, a version and content. It is found until it is too old, or until the store is
// too large: then the oldest entries are removed first. Content with several names is stored once. It is compared with its
// digest when it is opened, and removed if it differs. The index is in memory: a lookup of an unknown name does not read the
// disk.
package archive
