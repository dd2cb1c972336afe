package versionedassets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const leakedMessage = "public file contains a key"

// A key in a served script is logged at the start, and when a later generation contains it. The line names the file and not the key.
func TestWarnsOfLeakedKeys(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("worker.js", `new WebSocket("wss://a.example/ws/a/?key=`+testsite.GoodKey+`")`)
	write("main.js", `new Worker("worker.js")`)
	write("binary.png", "\xff\""+testsite.GoodKey+"\"")
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key {env.USHER_TEST_PUBLISHED_A} a-2026
			}
			route b /ws/b/ {
				key {env.USHER_TEST_PUBLISHED_B} b-2026
			}
		}
		versioned_assets {
			serve /static/ %s
			settle 50ms
		}
	`, root))
	testsite.Eventually(t, "the key in worker.js logged", func() bool { return len(site.Logs.With(leakedMessage)) == 1 })
	if line := site.Logs.With(leakedMessage)[0]; line["file"] != "/static/worker.js" || line["key"] != "a-2026" || line["route"] != "a" {
		t.Errorf("the line is %v, want worker.js and a-2026", line)
	}
	write("late.html", `<script>const key = '`+testsite.OtherKey+`'</script>`)
	testsite.Eventually(t, "the key in late.html logged", func() bool { return len(site.Logs.With(leakedMessage)) == 2 })
	if line := site.Logs.With(leakedMessage)[1]; line["file"] != "/static/late.html" || line["route"] != "b" {
		t.Errorf("the line is %v, want late.html and b", line)
	}
}

func init() {
	os.Setenv("USHER_TEST_PUBLISHED_A", testsite.GoodKey)
	os.Setenv("USHER_TEST_PUBLISHED_B", testsite.OtherKey)
}
