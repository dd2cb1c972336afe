//go:build unix

package admin_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// Tools attach logs through the admin API at run time. Each attachment is a reload of the configuration.
func TestAttachingALogDropsNoSocketAndLeaksNoCredential(t *testing.T) {
	app := testsite.StartEcho(t)
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://%s {\nlog\nwebsocket_gate {\nroute chat /ws/chat/ {\nkey %s chat-2026\n}\nroute orders /ws/orders/ {\nkey %s\n}\n}\nwebsocket_tunnel %s\n}",
			p.Admin, p.Addr, chatKey, ordersKey, app)
	}
	p.Run(t, p.Adapted(t, ""))
	site := &testsite.Site{URL: "http://" + p.Addr, Addr: p.Addr}
	conn := testsite.OpenSocket(t, site, chatKey)
	if !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	sink := filepath.Join(t.TempDir(), "sink.log")
	for _, name := range []string{"tool", "tool_runtime"} {
		log := fmt.Sprintf(`{"writer":{"output":"file","filename":%q},"encoder":{"format":"json"},"level":"INFO"}`, sink)
		request, err := http.NewRequest("PUT", "http://"+p.Admin+"/config/logging/logs/"+name, strings.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("attaching the log %s: %s", name, response.Status)
		}
		if !testsite.StillOpen(t, conn) {
			t.Fatalf("attaching the log %s dropped the socket", name)
		}
	}
	host := testsite.Upgrade + "Host: " + p.Addr + "\r\n"
	get := func(target, headers string) {
		testsite.Exchange(t, p.Addr, "GET "+target+" HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+host+headers+"\r\n")
	}
	get("/ws/chat/?key="+ordersKey, "")
	get("/ws/chat/?key="+chatKey+"&key="+ordersKey, "")
	get("/ws/chat/?key="+chatKey, "Origin: https://evil.example\r\n")
	next := testsite.OpenSocket(t, site, chatKey)
	if !testsite.StillOpen(t, next) {
		t.Fatal("a new socket does not work")
	}
	testsite.Eventually(t, "the sink has the lines of the gate", func() bool {
		content, _ := os.ReadFile(sink)
		return strings.Contains(string(content), "WSCONNECT") && strings.Count(string(content), "WSREJECT") >= 3
	})
	content, err := os.ReadFile(sink)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{chatKey, ordersKey} {
		if at := strings.Index(string(content), secret); at >= 0 {
			t.Errorf("the sink contains a key: %q", string(content)[max(at-200, 0):at])
		}
	}
	if !testsite.StillOpen(t, conn) {
		t.Error("the first socket was dropped")
	}
	p.Stop(t)
}
