package versions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Storage is what all machines read and write. Each operation must end in a few seconds, also if the storage hangs. The Store
// of package shared is one.
type Storage interface {
	// Load returns an error that is fs.ErrNotExist for a missing key.
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
	// Delete returns no error for a missing key.
	Delete(ctx context.Context, key string) error
	// List returns the last elements of the keys directly below a directory. A missing directory is empty.
	List(ctx context.Context, directory string) ([]string, error)
}

// pieceSize is the size of the pieces of a blob. Storages that encode values in base64 and JSON keep them below 4 MiB.
const pieceSize = 1 << 20

type digest = [sha256.Size]byte

// blobKey is the key of a piece. All pieces of a site are in one directory, so that one listing names them all.
func blobKey(directory string, sum digest, piece int) string {
	return path.Join(directory, "blobs", blobName(sum, piece))
}

func blobName(sum digest, piece int) string {
	return hex.EncodeToString(sum[:]) + "." + strconv.Itoa(piece)
}

// pieces is the number of pieces of content. Empty content has one.
func pieces(size int64) int { return max(1, int((size+pieceSize-1)/pieceSize)) }

// blobDigest returns the digest in the name of a piece.
func blobDigest(name string) (sum digest, ok bool) {
	text, _, found := strings.Cut(name, ".")
	return parseDigest(text, found)
}

func parseDigest(text string, ok bool) (digest, bool) {
	decoded, err := hex.DecodeString(text)
	if !ok || err != nil || len(decoded) != sha256.Size {
		return digest{}, false
	}
	return digest(decoded), true
}

// errDamaged is for content in storage that does not have its digest.
var errDamaged = errors.New("content in storage does not have its digest")

// loadBlob reads all pieces of content and compares it with its digest. Content that is damaged is removed, so that a machine
// that has it stores it again.
func (s *Store) loadBlob(ctx context.Context, sum digest, size int64) ([]byte, error) {
	content := make([]byte, 0, size)
	for piece := range pieces(size) {
		value, err := s.config.Storage.Load(ctx, blobKey(s.config.Directory, sum, piece))
		if err != nil {
			return nil, err
		}
		if int64(len(content)+len(value)) > size {
			break
		}
		content = append(content, value...)
	}
	if sha256.Sum256(content) == sum {
		return content, nil
	}
	for piece := range pieces(size) {
		if err := s.config.Storage.Delete(ctx, blobKey(s.config.Directory, sum, piece)); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: %w", blobKey(s.config.Directory, sum, 0), errDamaged)
}

// storeBlob writes content in pieces. known are the names of the pieces that storage has already.
func (s *Store) storeBlob(ctx context.Context, sum digest, content []byte, known map[string]bool) error {
	for piece := range pieces(int64(len(content))) {
		if known[blobName(sum, piece)] {
			continue
		}
		from := piece * pieceSize
		part := content[from:min(from+pieceSize, len(content))]
		if err := s.config.Storage.Store(ctx, blobKey(s.config.Directory, sum, piece), part); err != nil {
			return err
		}
	}
	return nil
}

// blobs returns the names of all pieces in storage.
func (s *Store) blobs(ctx context.Context) (map[string]bool, error) {
	names, err := s.config.Storage.List(ctx, path.Join(s.config.Directory, "blobs"))
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	return known, nil
}

// hasBlob reports whether all pieces of content are known.
func hasBlob(known map[string]bool, sum digest, size int64) bool {
	for piece := range pieces(size) {
		if !known[blobName(sum, piece)] {
			return false
		}
	}
	return true
}
