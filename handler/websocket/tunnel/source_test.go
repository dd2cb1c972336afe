package tunnel

import "testing"

// sizedReads returns a fixed number of bytes for each read, and records how many were requested.
type sizedReads struct {
	give  []int
	asked []int
}

func (r *sizedReads) Read(p []byte) (int, error) {
	r.asked = append(r.asked, len(p))
	n := min(r.give[0], len(p))
	r.give = r.give[1:]
	return n, nil
}

// TestStreamWaitsWithTinyBuffer checks the size of the buffer in which a stream waits, since a silent socket holds it.
func TestStreamWaitsWithTinyBuffer(t *testing.T) {
	t.Parallel()
	const much = 1 << 20
	for _, c := range []struct {
		name, why string
		give      []int
		waits     int
	}{
		{"new", "nothing has come yet", nil, 512},
		{"short messages", "they fit", []int{130, 140}, 512},
		{"the end of a long one", "silence may follow", []int{much, much, much, 100}, 512},
		{"a longer one", "the next part of it is likely to be as long", []int{much, much, 2000}, 4 << 10},
		{"a flow", "a large buffer costs fewer calls", []int{much, much, much, 9000}, 16 << 10},
	} {
		body := &sizedReads{give: append(c.give, 1)}
		source := &streamSource{body: body}
		for range len(c.give) + 1 {
			if err := source.Pump(func([]byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if got := body.asked[len(c.give)]; got != c.waits {
			t.Errorf("%s: waits with %d bytes, want %d (%s)", c.name, got, c.waits, c.why)
		}
	}
}
