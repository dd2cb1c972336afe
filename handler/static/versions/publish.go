package versions

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// expiry is added to the time that a list is kept, since clocks differ.
	expiry = time.Hour
	// renewEvery is how often a list is published again that has not changed.
	renewEvery = time.Hour
	// pendingLifetime is how long content is kept that a machine stores before it publishes its list.
	pendingLifetime = time.Hour
	// batch is how many bytes are stored until the machine looks again at what other machines have stored.
	batch = 4 << 20
	// maxRate is how many bytes a second a machine stores.
	maxRate = 32 << 20
)

// ErrGone is for a file that changed before it was stored.
var ErrGone = errors.New("file has changed")

// Publish stores the content that storage lacks, and then the list of versions. After that the other machines find all of them. If a
// list is unchanged it is published once an hour. left is how many versions are not shared because they are too large or too many.
// open returns [ErrGone] for a file that has changed.
func (s *Store) Publish(ctx context.Context, list []Version, open func(Version) (io.ReadCloser, error)) (left int, err error) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	defer func() {
		if err != nil {
			s.published = digest{}
		}
	}()
	list, left = bound(list, s.config.Size)
	content, err := encode(list)
	if err != nil {
		return left, err
	}
	sum, now := sha256.Sum256(content), s.config.Now()
	if sum == s.published && now.Sub(s.renewed) < min(renewEvery, s.config.Keep/4) {
		return left, nil
	}
	gone, err := s.storeContents(ctx, sum, content, list, open)
	if err != nil {
		return left, fmt.Errorf("sharing versions: %w", err)
	}
	if len(gone) > 0 {
		list = slices.DeleteFunc(list, func(v Version) bool { return gone[v.Digest] })
		if content, err = encode(list); err != nil {
			return left, err
		}
		sum = sha256.Sum256(content)
	}
	if err := s.publishList(ctx, sum, content); err != nil {
		return left, fmt.Errorf("sharing versions: %w", err)
	}
	s.published, s.renewed = sum, now
	return left, nil
}

// IsLost reports whether the list of the last Publish is not in the storage: it could not be stored, or the storage has lost
// it. Publish stores it again.
func (s *Store) IsLost(ctx context.Context) (bool, error) {
	if !s.publishing.TryLock() {
		return false, nil // it is being stored
	}
	defer s.publishing.Unlock()
	if s.published == (digest{}) {
		return true, nil
	}
	_, err := s.loadGeneration(ctx, s.published)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errInvalid):
		s.published = digest{}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading the list of versions: %w", err)
	default:
		return false, nil
	}
}

// bound leaves out the largest files: those above MaxSize, and those for which size leaves no room.
func bound(list []Version, size int64) (kept []Version, left int) {
	slices.SortStableFunc(list, func(a, b Version) int { return cmp.Compare(a.Size, b.Size) })
	counted := make(map[digest]bool)
	for i, v := range list {
		if !counted[v.Digest] {
			counted[v.Digest] = true
			size -= v.Size
		}
		if size < 0 || v.Size > MaxSize || i >= maxNames {
			return list[:i], len(list) - i
		}
	}
	return list, 0
}

// storeContents stores the list and the content of its versions. It returns the digests of files that have changed.
func (s *Store) storeContents(ctx context.Context, sum digest, content []byte, list []Version, open func(Version) (io.ReadCloser, error)) (gone map[digest]bool, err error) {
	known, err := s.blobs(ctx)
	if err != nil {
		return nil, err
	}
	missing := missingFrom(known, list)
	if len(missing) == 0 {
		return nil, nil
	}
	if err := s.announce(ctx, sum, content, known); err != nil {
		return nil, err
	}
	gone = make(map[digest]bool)
	began, stored, since := time.Now(), 0, 0
	for i, v := range missing {
		if since > batch {
			since = 0
			if known, err = s.blobs(ctx); err != nil {
				return nil, err
			}
		}
		if hasBlob(known, v.Digest, v.Size) {
			continue
		}
		content, err := readVersion(v, open)
		if errors.Is(err, ErrGone) {
			gone[v.Digest] = true
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := s.storeBlob(ctx, v.Digest, content, known); err != nil {
			return nil, err
		}
		stored += len(content)
		since += len(content) + batch/256 // many small files are a batch too
		if i < len(missing)-1 {
			pause(ctx, time.Duration(stored)*time.Second/maxRate-time.Since(began))
		}
	}
	return gone, nil
}

// missingFrom returns a version of each content that storage lacks. Each machine has another order, so that machines with the same
// files store different ones at the same time.
func missingFrom(known map[string]bool, list []Version) []Version {
	seen := make(map[digest]bool)
	var missing []Version
	for _, v := range list {
		if !seen[v.Digest] && !hasBlob(known, v.Digest, v.Size) {
			seen[v.Digest] = true
			missing = append(missing, v)
		}
	}
	rand.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
	return missing
}

// announce keeps Sweep from removing content that no list has yet.
func (s *Store) announce(ctx context.Context, sum digest, content []byte, known map[string]bool) error {
	existing, err := s.loadGeneration(ctx, sum)
	if err == nil && s.config.Now().Add(pendingLifetime/2).Before(existing.expires) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errInvalid) {
		return err
	}
	if err := s.storeBlob(ctx, sum, content, known); err != nil {
		return err
	}
	pending := generation{sum: sum, size: int64(len(content)), expires: s.config.Now().Add(pendingLifetime)}
	return s.config.Storage.Store(ctx, s.generationKey(sum), pending.encode())
}

// publishList stores a list, after its content is stored.
func (s *Store) publishList(ctx context.Context, sum digest, content []byte) error {
	known, err := s.blobs(ctx)
	if err != nil {
		return err
	}
	if err := s.storeBlob(ctx, sum, content, known); err != nil {
		return err
	}
	now := s.config.Now()
	g := generation{sum, int64(len(content)), now, now.Add(s.config.Keep + expiry)}
	return s.config.Storage.Store(ctx, s.generationKey(sum), g.encode())
}

// readVersion reads the content of a version.
func readVersion(v Version, open func(Version) (io.ReadCloser, error)) ([]byte, error) {
	opened, err := open(v)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	content := make([]byte, v.Size)
	if _, err := io.ReadFull(opened, content); err != nil || sha256.Sum256(content) != v.Digest {
		return nil, ErrGone
	}
	return content, nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
