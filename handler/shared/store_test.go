package shared

import (
	"context"
	"testing"

	"github.com/scan2food/usher/internal/memorystorage"
)

// The end of a call must not be taken for its timeout.
func TestResultsOfCallsAreNotLost(t *testing.T) {
	t.Parallel()
	s := newStore("site")
	s.use(new(memorystorage.Storage))
	for range 20_000 {
		if err := s.Store(context.Background(), "name", nil); err != nil {
			t.Fatal(err)
		}
	}
}
