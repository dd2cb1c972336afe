package tree

import (
	"crypto/sha256"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// earlierEvidence is the evidence for bytes of the archive.
var earlierEvidence = Evidence{ByDigest, "the version is that of bytes that were replaced, and are kept"}

// whyNoName returns why the name of an archived file is no evidence, or "". An operator may have taken back what made a name without a
// hash immutable.
func (t *Tree) whyNoName(path, version string, digest [sha256.Size]byte, promises Promises) string {
	switch {
	case version != "":
		return ""
	case promises != nil && promises.HasOther(path, "", digest):
		return whyBroken
	case !fingerprint.MayBeHashed(path) && !t.Config.Immutable.Match(t.Config.Prefix+path):
		return whyWithdrawn
	default:
		return ""
	}
}

// EarlierFile returns the file that a path was under a version, with the content codings that it had, from the archive. A name
// whose URL was given out for other content too is no evidence. Close the content.
func (t *Tree) EarlierFile(path, version string, promises Promises) (*File, *archive.Content, bool) {
	content, found := t.Earlier(path, version)
	if !found {
		return nil, nil, false
	}
	file := &File{Path: path, Size: content.Size, digest: content.SHA256, earlier: content, Evidence: earlierEvidence, versionInQuery: version != ""}
	if why := t.whyNoName(path, version, content.SHA256, promises); why != "" {
		file.Evidence = Evidence{}
		file.standing.Store(&standing{why: why})
	}
	file.setCharsetOf(content)
	file.prepare()
	if isCompressed(file) {
		file.Variants = t.maker.Stored(variants.NewSet(file.digest, file.Size))
	}
	return file, content, true
}
