//go:build unix

package versionedassets_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A configuration that fails to load changes nothing of the running one: earlier versions stay for the time of its `keep`, and
// its log has the lines.
func TestFailedReloadChangesNothing(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	script := filepath.Join(testsite.WriteTree(t, map[string]string{"a.js": "one"}), "a.js")
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	site := func(addr, keep string) string {
		_, port, _ := net.SplitHostPort(addr)
		return fmt.Sprintf("http://localhost:%s {\nbind 127.0.0.1\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\nkeep %s\nsettle 10ms\n}\n}\n",
			port, filepath.Dir(script), filepath.Join(dir, "kept"), keep)
	}
	config := func(log, sites string) []byte {
		adapted, err := testsite.Adapt(fmt.Sprintf("{\nadmin %s\npersist_config off\nlog usher {\noutput file %s\ninclude http.handlers.versioned_assets\n}\n}\n%s",
			p.Admin, filepath.Join(dir, log), sites))
		if err != nil {
			t.Fatal(err)
		}
		return adapted
	}
	get := func(content string) string {
		t.Helper()
		sum := sha256.Sum256([]byte(content))
		r, _ := http.NewRequest("GET", "http://"+p.Addr+"/static/a.js?v="+hex.EncodeToString(sum[:8]), nil)
		r.Host = "localhost"
		var response *http.Response
		testsite.Eventually(t, "a response", func() (answered bool) { // the server of a configuration that failed may close a connection
			var err error
			response, err = http.DefaultClient.Do(r)
			return err == nil
		})
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		if !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
			return ""
		}
		return string(body)
	}
	archived := func() int {
		entries, _ := filepath.Glob(filepath.Join(dir, "kept", "*", "entries", "*"))
		return len(entries)
	}
	versions := 0
	publish := func(content string) {
		t.Helper()
		if err := os.WriteFile(script, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		versions++
		testsite.Eventually(t, content+" is published and archived", func() bool { return get(content) == content && archived() == versions })
	}
	published := func(log string) int {
		content, _ := os.ReadFile(filepath.Join(dir, log))
		return bytes.Count(content, []byte(`"published assets"`))
	}
	p.Run(t, config("running.log", site(p.Addr, "72h")))
	publish("one")
	publish("two")
	response, err := http.Post("http://"+p.Admin+"/load", "application/json",
		bytes.NewReader(config("failed.log", site(p.Addr, "1ms")+site(busy.Addr().String(), "1ms"))))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Fatalf("%s, want 400", response.Status)
	}
	before := published("running.log")
	publish("three")
	for _, content := range []string{"one", "two"} {
		if get(content) != content {
			t.Errorf("%s is not served any more", content)
		}
	}
	testsite.Eventually(t, "the line", func() bool { return published("running.log") > before })
	if n := published("failed.log"); n > 0 {
		t.Errorf("%d lines are in the log of the configuration that failed", n)
	}
}
