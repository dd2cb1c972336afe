package versions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Version is a name, a version and the content that they have.
type Version struct {
	// Path is the path of the file below its prefix, and Version the version in the query. It is "" if the path is the version.
	Path, Version string
	// Digest is the SHA-256 of the content, and Size its length in bytes.
	Digest [32]byte
	Size   int64
	// Immutable is true if the URL names the content for sure. It is false for a name whose evidence does not count yet.
	Immutable bool
}

// line is a Version in a list.
type line struct {
	Path      string `json:"p"`
	Version   string `json:"v,omitempty"`
	Digest    string `json:"s"`
	Size      int64  `json:"n"`
	Immutable bool   `json:"i,omitempty"`
}

// encode returns the list of versions. Equal lists have equal bytes.
func encode(list []Version) ([]byte, error) {
	slices.SortFunc(list, func(a, b Version) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Version, b.Version))
	})
	lines := make([]line, len(list))
	for i, v := range list {
		lines[i] = line{v.Path, v.Version, fmt.Sprintf("%x", v.Digest), v.Size, v.Immutable}
	}
	return json.Marshal(lines)
}

// decode leaves out lines that are not valid, as a later release may write.
func decode(content []byte) ([]Version, error) {
	var lines []line
	if err := json.Unmarshal(content, &lines); err != nil {
		return nil, fmt.Errorf("list of versions: %w", err)
	}
	list := make([]Version, 0, len(lines))
	for _, l := range lines {
		if sum, ok := parseDigest(l.Digest, l.Size >= 0); ok {
			list = append(list, Version{l.Path, l.Version, sum, l.Size, l.Immutable})
		}
	}
	return list, nil
}

// generation is a list in storage.
type generation struct {
	sum       digest
	size      int64     // of the list
	published time.Time // zero: a machine is still storing the content
	expires   time.Time
}

func (s *Store) generationKey(sum digest) string {
	return path.Join(s.config.Directory, "generations", fmt.Sprintf("%x", sum))
}

func (g generation) encode() []byte {
	var published int64
	if !g.published.IsZero() {
		published = g.published.Unix()
	}
	return fmt.Appendf(nil, "%d %d %d\n", g.size, published, g.expires.Unix())
}

func decodeGeneration(sum digest, value []byte) (generation, error) {
	fields := strings.Fields(string(value))
	if len(fields) < 3 {
		return generation{}, fmt.Errorf("generation %x: %w", sum, errInvalid)
	}
	var numbers [3]int64
	for i := range numbers {
		number, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || number < 0 {
			return generation{}, fmt.Errorf("generation %x: %w", sum, errInvalid)
		}
		numbers[i] = number
	}
	g := generation{sum: sum, size: numbers[0], expires: time.Unix(numbers[2], 0)}
	if numbers[1] != 0 {
		g.published = time.Unix(numbers[1], 0)
	}
	return g, nil
}
