package tree

import (
	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// earlierEvidence is the evidence for bytes of the archive.
var earlierEvidence = Evidence{ByDigest, "the version is that of bytes that were replaced, and are kept"}

// EarlierFile returns the file that a path was under a version, with the content codings that it had, from the archive. A name
// whose URL was given out for other content too is no evidence. Close the content.
func (t *Tree) EarlierFile(path, version string, promises Promises) (*File, *archive.Content, bool) {
	content, found := t.Earlier(path, version)
	if !found {
		return nil, nil, false
	}
	file := &File{Path: path, Size: content.Size, digest: content.SHA256, earlier: content, Evidence: earlierEvidence, versionInQuery: version != ""}
	if version == "" && promises != nil && promises.HasOther(path, "", content.SHA256) {
		file.Evidence = Evidence{}
		file.standing.Store(&standing{why: whyBroken})
	}
	file.setCharsetOf(content)
	file.prepare()
	if isCompressed(file) {
		file.Variants = t.maker.Stored(variants.NewSet(file.digest, file.Size))
	}
	return file, content, true
}
