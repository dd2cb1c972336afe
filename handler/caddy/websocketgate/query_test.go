package websocketgate_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A query must hold exactly one key, in a form that all parsers read alike.
func TestRejectedQueryKeys(t *testing.T) {
	t.Parallel()
	checkRejections(t, []rejection{
		{"bad key, then good key", testsite.Get("/ws/a/?key=bad&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "bad, then good"},
		{"good key, then bad key", testsite.Get(testsite.Keyed+"&key=bad", testsite.Upgrade), 400, "key_ambiguous", "good, then bad"},
		{"good key twice", testsite.Get(testsite.Keyed+"&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "good, then good"},
		{"semicolon before the key", testsite.Get("/ws/a/?x=1;key="+testsite.GoodKey, testsite.Upgrade), 400, "malformed", "some parsers split at semicolons"},
		{"semicolon and a second key", testsite.Get(testsite.Keyed+";key=evil", testsite.Upgrade), 400, "malformed", "other parsers do not"},
		{"invalid escape in a second key", testsite.Get(testsite.Keyed+"&key=%zz", testsite.Upgrade), 400, "malformed", "a broken escape in a second key"},
		{"invalid escape in the key", testsite.Get(testsite.Keyed+"%zz", testsite.Upgrade), 400, "malformed", "a broken escape in the key"},
		{"semicolon after the key", testsite.Get(testsite.Keyed+";x=1", testsite.Upgrade), 400, "malformed", "some parsers read it as part of the key"},
		{"encoded name, then plain name", testsite.Get("/ws/a/?%6bey=bad&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "an encoded name is the name"},
		{"name in upper case", testsite.Get("/ws/a/?KEY="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
		{"name with NUL", testsite.Get("/ws/a/?key%00="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
		{"name with a space", testsite.Get("/ws/a/?+key="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
		{"name with brackets", testsite.Get("/ws/a/?key[]="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
		{"name with an index", testsite.Get("/ws/a/?key[0]="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
		{"empty value", testsite.Get("/ws/a/?key=", testsite.Upgrade), 401, "key_missing", "nothing"},
		{"name without value", testsite.Get("/ws/a/?key", testsite.Upgrade), 401, "key_missing", "nothing"},
		{"empty query", testsite.Get("/ws/a/?", testsite.Upgrade), 401, "key_missing", "nothing"},
		{"key after a space", testsite.Get("/ws/a/?key=%20"+testsite.GoodKey, testsite.Upgrade), 401, "key_unknown", "no trimming"},
		{"key before NUL", testsite.Get(testsite.Keyed+"%00", testsite.Upgrade), 401, "key_unknown", "no cutting"},
		{"key before a tab", testsite.Get(testsite.Keyed+"%09", testsite.Upgrade), 401, "key_unknown", "no trimming"},
		{"1001 empty parameters", testsite.Get("/ws/a/?"+strings.Repeat("&", 1001)+"key="+testsite.GoodKey, testsite.Upgrade), 400, "malformed",
			"more parameters than any parser reads"},
		{"prefix of the key", testsite.Get("/ws/a/?key="+testsite.GoodKey[:len(testsite.GoodKey)-1], testsite.Upgrade), 401, "key_unknown", "a part"},
		{"key with one more character", testsite.Get(testsite.Keyed+"1", testsite.Upgrade), 401, "key_unknown", "more"},
		{"key of 64 KiB", testsite.Get("/ws/a/?key="+strings.Repeat("k", 64<<10), testsite.Upgrade), 401, "key_unknown", "the maximum length of a request"},
		{"placeholder as key", testsite.Get("/ws/a/?key={env.MISSING}", testsite.Upgrade), 401, "key_unknown", "a placeholder is no key"},
	})
}
