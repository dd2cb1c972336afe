package assets

import (
	"strings"
	"testing"
)

// The entity tag of a single field is found only if the field is that tag.
func FuzzSingleTag(f *testing.F) {
	f.Add(`"a", W/"tag"`)
	f.Add(`W/"tag"`)
	f.Add("*")
	f.Fuzz(func(t *testing.T, field string) {
		tag, single := singleTag([]string{field})
		if single && (tag != field && "W/"+tag != field || strings.Count(tag, `"`) != 2) {
			t.Errorf("%q: %q", field, tag)
		}
	})
}
