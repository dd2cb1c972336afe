package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// EvidenceKind is why a URL may be trusted to name its bytes; the strongest first.
type EvidenceKind string

// The kinds of evidence.
const (
	NoEvidence EvidenceKind = ""
	// ByDigest: a token in the URL is a digest of the bytes.
	ByDigest EvidenceKind = "digest"
	// ByManifest: a build manifest lists the file as a versioned output.
	ByManifest EvidenceKind = "manifest"
	// ByDirectory: a framework's own rule for the directory.
	ByDirectory EvidenceKind = "directory"
	// ByOperator: the operator's promise in the configuration.
	ByOperator EvidenceKind = "operator"
)

// Evidence is why a URL may be trusted to name its bytes. The zero value is none.
type Evidence struct {
	Kind   EvidenceKind
	Detail string
}

// File is one file of a generation. It is immutable once published.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	Size int64
	// ModTime is the date of the bytes, in whole seconds; zero where the one on the disk does not tell them from others.
	ModTime time.Time
	// Evidence is what the path alone proves.
	Evidence Evidence
	// Content is the bytes; nil if they are served from disk.
	Content []byte
	// IsManifest is true of build manifests.
	IsManifest bool

	fingerprint      *fingerprint.Content // nil where the bytes are not in memory
	digest           [32]byte
	identity         identity
	Disk             string                   // where it is below the root, with links resolved
	proof            fingerprint.Proof        // what the bytes prove of the name
	Denied           fingerprint.Finding      // why what looked like evidence is none
	changedUnder     [][sha256.Size]byte      // digests of the manifests that stayed the same while the bytes were changed
	listedVersions   []string                 // versions for the query that a manifest gives these bytes
	Variants         *variants.Set            // nil: it is not compressed
	read             time.Time                // when the content was read
	since            time.Time                // since when the path has this content; zero: it had it at the first reading
	standing         atomic.Pointer[standing] // of evidence that does not come from the bytes; nil: there is none
	PromisedVersions atomic.Pointer[[]string] // those of listedVersions that count
	integrity        atomic.Pointer[string]
	asked            atomic.Pointer[[]string] // digests of the bytes that stood in a query, and are not the file's version
	earlier          ReaderAt                 // bytes that were replaced
	StampedForm      *File                    // the file with the versions of what it refers to; nil if it refers to nothing
	circle           string                   // the version of a stamped file in a cycle of references: no digest of its bytes

	// header values, made once
	EntityTag, ContentType, ContentLength, LastModified []string
}

// Digest is the SHA-256 of the bytes.
func (f *File) Digest() [32]byte { return f.digest }

// ETag is the strong entity tag of the bytes as they are.
func (f *File) ETag() string { return f.EntityTag[0] }

// VersionEvidence tells whether a version in the query speaks of these bytes.
func (f *File) VersionEvidence(token string) Evidence {
	if f.circle != "" && token == f.circle {
		return Evidence{ByDigest, "the version is the stamp of all that refer to each other in a circle"}
	}
	if len(token) == fingerprint.StampLength && token == hex.EncodeToString(f.digest[:fingerprint.StampLength/2]) {
		return Evidence{ByDigest, "the version is the file's stamp"}
	}
	if promised := f.PromisedVersions.Load(); promised != nil && slices.Contains(*promised, token) {
		return Evidence{ByManifest, "a manifest gives the file this version"}
	}
	if convention, ok := f.provesToken(token); ok {
		f.noteAsked(token)
		return Evidence{ByDigest, "the version is the file's " + convention}
	}
	return Evidence{}
}

// provesToken reports a digest of the bytes, and by which convention it is one. Of bytes that are not in memory only SHA-256 is
// known.
func (f *File) provesToken(token string) (convention string, ok bool) {
	if f.fingerprint != nil {
		proof, ok := f.fingerprint.ProveToken(token)
		return proof.Convention, ok
	}
	return "sha256", fingerprint.IsSHA256(token, f.digest)
}

// maxAsked is how many versions of a file are noted: a client could ask for each length of each digest.
const maxAsked = 4

// noteAsked notes a digest of the bytes that is not the file's own version: pages ask for the bytes by it after they are replaced
// too. One that is lost to another request is noted with the next.
func (f *File) noteAsked(version string) {
	var known []string
	if noted := f.asked.Load(); noted != nil {
		known = *noted
	}
	if len(known) == maxAsked || slices.Contains(known, version) {
		return
	}
	noted := append(known[:len(known):len(known)], strings.Clone(version))
	f.asked.Store(&noted)
}

// keptUnder are the versions by which a file is found after it is replaced: its own, or "" where its name is one, and the other
// digests of its bytes that somebody asked for, or that a manifest lists.
func (f *File) keptUnder() []string {
	versions := []string{f.archived()}
	if f.Evidence.Kind != NoEvidence {
		return versions
	}
	if noted := f.asked.Load(); noted != nil {
		versions = append(versions, *noted...)
	}
	for _, version := range f.listedVersions {
		if _, ok := f.provesToken(version); ok {
			versions = append(versions, version)
		}
	}
	return versions
}

// archived is the version under which a file is kept: "" where its name is one.
func (f *File) archived() string {
	if f.Evidence.Kind != NoEvidence {
		return ""
	}
	return f.version()
}

// prepare makes the header values.
func (f *File) prepare() {
	f.EntityTag = []string{variants.Tag(f.digest, "")}
	f.ContentType = []string{ContentType(f.Path)}
	f.ContentLength = []string{FormatInt(f.Size)}
	if !f.ModTime.IsZero() {
		f.LastModified = []string{f.ModTime.UTC().Format(http.TimeFormat)}
	}
}

// oldest is the year before which no file was served over HTTP. Tools that make builds reproducible set older dates: 1970,
// 1980 (zip) or 1985 (npm).
var oldest = time.Date(1991, 1, 1, 0, 0, 0, 0, time.UTC)

// date is the time of modification. It is zero if it says nothing of the bytes: it is not from the years of HTTP, it is in the
// future (RFC 9110, 8.8.2.1), or other bytes had it before.
func (f *File) date(now time.Time, before *File) time.Time {
	date := f.identity.modTime.Truncate(time.Second)
	switch {
	case date.Before(oldest), date.After(now):
		return time.Time{}
	case before == nil || !before.identity.modTime.Truncate(time.Second).Equal(date):
		return date
	case before.digest != f.digest:
		return time.Time{}
	default:
		return before.ModTime
	}
}

// again is the file with nothing that depends on other files. The bytes have not changed.
func (f *File) again(held bool) *File {
	next := &File{
		Path: f.Path, Size: f.Size, ModTime: f.ModTime, IsManifest: f.IsManifest,
		digest: f.digest, identity: f.identity, read: f.read, since: f.since, Disk: f.Disk, proof: f.proof, Denied: f.Denied, changedUnder: f.changedUnder,
		Variants:  f.Variants,
		EntityTag: f.EntityTag, ContentType: f.ContentType, ContentLength: f.ContentLength, LastModified: f.LastModified,
	}
	next.asked.Store(f.asked.Load())
	if held {
		next.Content, next.fingerprint = f.Content, f.fingerprint
	}
	return next
}
