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

// EvidenceKind is the kind of evidence that a URL names its bytes.
type EvidenceKind string

// The kinds of evidence, strongest first.
const (
	NoEvidence EvidenceKind = ""
	// ByDigest: a token in the URL is a digest of the bytes.
	ByDigest EvidenceKind = "digest"
	// ByManifest: a build manifest lists the file as a versioned output.
	ByManifest EvidenceKind = "manifest"
	// ByDirectory: a framework puts only versioned files into the directory.
	ByDirectory EvidenceKind = "directory"
	// ByOperator: the configuration says so.
	ByOperator EvidenceKind = "operator"
)

// Evidence is why a URL is trusted to name its bytes. The zero value is no evidence.
type Evidence struct {
	Kind   EvidenceKind
	Detail string
}

// File is one file of a generation. It is immutable once published.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	Size int64
	// ModTime is the modification time in whole seconds. It is zero if the time on disk says nothing of the bytes.
	ModTime time.Time
	// Evidence is the evidence of the path alone.
	Evidence Evidence
	// Content is nil if the file is served from disk.
	Content []byte
	// IsManifest is true for build manifests.
	IsManifest bool

	fingerprint      *fingerprint.Content // nil if the bytes are not in memory
	digest           [32]byte
	identity         identity
	Disk             string                   // its place in the directory
	proof            fingerprint.Proof        // what the bytes prove about the name
	Denied           fingerprint.Finding      // why apparent evidence does not count
	changedUnder     [][sha256.Size]byte      // digests of manifests that stayed the same while the bytes changed
	listedVersions   []string                 // query versions that a manifest gives the file
	versionInQuery   bool                     // of an earlier file: its version is no part of the name
	Variants         *variants.Set            // nil: it is not compressed
	read             time.Time                // when the content was read
	since            time.Time                // since when the path has this content; zero: it had it at the first reading
	standing         atomic.Pointer[standing] // of evidence that does not come from the bytes; nil: there is none
	PromisedVersions atomic.Pointer[[]string] // those of listedVersions that count
	integrity        atomic.Pointer[string]
	asked            atomic.Pointer[[]string] // digests of the bytes that requests named, other than the file's version
	dictionaries     atomic.Int64             // how often a client was asked to keep the file as a dictionary
	dictionary       atomic.Pointer[dictionaryField]
	earlier          ReaderAt // the bytes of an archived file
	byOperator       bool     // an immutable pattern matches
	StampedForm      *File    // the file with the versions of what it refers to; nil if it refers to nothing
	otherCharset     bool     // its text is not UTF-8
	isWorkerName     bool     // the name is usual for a service worker
	mayBeHashed      bool     // the name looks as if it held the hash of a build tool
	precached        []string // the URLs that a service worker precaches by this file
	cycleVersion     string   // the version of a stamped file in a cycle of references: no digest of its bytes

	// Header values.
	EntityTag, ContentType, ContentLength, LastModified []string
}

// Digest returns the SHA-256 of the bytes.
func (f *File) Digest() [32]byte { return f.digest }

// ETag returns the strong entity tag of the bytes without a coding.
func (f *File) ETag() string { return f.EntityTag[0] }

// VersionEvidence returns the evidence that a version in the query names these bytes.
func (f *File) VersionEvidence(token string) Evidence {
	if f.cycleVersion != "" && token == f.cycleVersion {
		return Evidence{ByDigest, "the version is the digest of all files in the cycle of references"}
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

// provesToken reports whether a token is a digest of the bytes, and by which convention. For bytes that are not in memory only
// SHA-256 is known.
func (f *File) provesToken(token string) (convention string, ok bool) {
	if f.fingerprint != nil {
		proof, ok := f.fingerprint.ProveToken(token)
		return proof.Convention, ok
	}
	return "sha256", fingerprint.IsSHA256(token, f.digest)
}

// maxAsked bounds the versions that are noted for a file. A client could ask for each length of each digest.
const maxAsked = 4

// noteAsked notes a digest of the bytes, other than the file's own version, that a request named. Pages use it after the file is
// replaced too. Of two requests at once one may be lost; the next request notes it.
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

// keptUnder returns the versions under which the file is archived: its own, or "" if its name is a version, or both if the operator
// says so, and other digests of its bytes that requests named or a manifest lists.
func (f *File) keptUnder() []string {
	versions := []string{f.archived()}
	if f.Evidence.Kind != NoEvidence {
		return versions
	}
	if f.byOperator {
		versions = append(versions, "")
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

// archived is the version under which the file is archived, or "" if its name is a version.
func (f *File) archived() string {
	if f.Evidence.Kind != NoEvidence {
		return ""
	}
	return f.version()
}

// prepare sets the header values, and what only the name says.
func (f *File) prepare() {
	f.mayBeHashed = fingerprint.MayBeHashed(f.Path)
	f.EntityTag = []string{variants.Tag(f.digest, "")}
	f.isWorkerName = isServiceWorkerName(f.Path)
	f.ContentType = []string{ContentType(f.Path)}
	if f.otherCharset {
		f.ContentType[0] = strings.TrimSuffix(f.ContentType[0], utf8Charset)
	}
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

// again copies a file whose bytes have not changed, without the fields that depend on other files.
func (f *File) again(held bool) *File {
	next := &File{
		Path: f.Path, Size: f.Size, ModTime: f.ModTime, IsManifest: f.IsManifest,
		digest: f.digest, identity: f.identity, read: f.read, since: f.since, Disk: f.Disk, proof: f.proof, Denied: f.Denied, changedUnder: f.changedUnder,
		Variants: f.Variants, otherCharset: f.otherCharset, mayBeHashed: f.mayBeHashed, isWorkerName: f.isWorkerName, precached: f.precached,
		EntityTag: f.EntityTag, ContentType: f.ContentType, ContentLength: f.ContentLength, LastModified: f.LastModified,
	}
	next.asked.Store(f.asked.Load())
	next.dictionaries.Store(f.dictionaries.Load())
	if held {
		next.Content, next.fingerprint = f.Content, f.fingerprint
	}
	return next
}
