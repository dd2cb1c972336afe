package usher

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The incident over the end of a process: the file changes while none runs, and what is noticed then outlives a reload.
func TestIncidentOverProcesses(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, root, "main.js", "release 1")
	p := &caddyProcess{addr: freeAddress(t), admin: freeAddress(t)}
	p.config = func(words string) string {
		_, port, _ := net.SplitHostPort(p.addr)
		return fmt.Sprintf("{\nadmin %s\npersist_config off\nmetrics\n}\nhttp://:%s {\nbind 127.0.0.1\nversioned_assets {\nserve /static/ %s\n"+
			"settle 50ms 100ms\n%s\n}\n}", p.admin, port, root, words)
	}
	data := "XDG_DATA_HOME=" + t.TempDir()
	start := func() {
		p.hasStopped = make(chan error, 1)
		p.run(t, p.adapted(t, ""), data)
	}
	get := func(url string) string {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return string(body)
	}
	counted := func(n int) bool {
		return strings.Contains(get("http://"+p.admin+"/metrics"), fmt.Sprintf(`usher_assets_lying_versions_total{place="query",prefix="/static/"} %d`, n))
	}
	visit := func() string { return get("http://" + p.addr + "/static/main.js?v=20260211") }
	stop := func() {
		if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.hasStopped:
		case <-time.After(10 * time.Second):
			t.Fatal("the process does not end")
		}
	}
	start()
	for range 3 {
		if got := visit(); got != "release 1" {
			t.Fatalf("the first release is %q", got)
		}
	}
	if !counted(0) {
		t.Error("the metric is not there before it counts")
	}
	stop()
	writeFile(t, root, "main.js", "release 2")
	start()
	eventually(t, "the lie counted", func() bool { return visit() == "release 2" && counted(1) })
	p.reload(t, "explain")
	if !counted(1) {
		t.Error("a reload begins the metric anew")
	}
	stop()
	if got := strings.Count(p.errors.String(), lieInQuery); got != 1 {
		t.Errorf("it is said %d times, want once:\n%s", got, p.errors.String())
	}
}
