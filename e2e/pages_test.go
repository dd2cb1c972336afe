//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// walk is a page of the manual that is followed to its end.
type walk struct {
	page, heading string
	saved         map[string]string // the file that a block of a language is saved as
	ports         []string          // that the page names
	starts        map[int][]string  // the ports that are open after the shell block of this number
	wrote         map[int]string    // what a shell block writes, as a regular expression
	logged        []string          // what Caddy logs, as regular expressions
	secret        string            // a file whose content is not in the log
}

var fencedBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```")

// A reader who does what the page says sees what the page says.
func TestPagesOfTheManual(t *testing.T) {
	need(t, "bash", "curl", "openssl", "python3")
	for _, c := range []walk{
		{
			page: "docs/start.md", heading: "\n## 2.", saved: map[string]string{"caddyfile": "try/Caddyfile"}, ports: []string{"8080", "8001"},
			starts: map[int][]string{0: {"8080"}, 4: {"8001"}},
			wrote: map[int]string{
				1: `src="/static/app\.js\?v=\w+"`,
				2: `(?s)Cache-Control: no-cache\r.*Cache-Control: public, max-age=31536000, immutable\r`,
				3: `src="/static/app\.js\?v=\w+"`,
				6: `(?s)HTTP/1\.1 401 .*HTTP/1\.1 101 `,
				7: `(?s)chat.*/static/.*no-cache`,
			},
			logged: []string{`WSREJECT`, `WSCONNECT`}, secret: "try/chat.key",
		},
		{
			page: "docs/close_sockets.md", heading: "\n## Try it", saved: map[string]string{"python": "application.py", "caddyfile": "Caddyfile"},
			ports: []string{"8081", "8082", "8001", "2021", "2022"}, starts: map[int][]string{0: {"8081", "8082", "8001"}},
			wrote:  map[int]string{1: `(?m)^\d+ .*\bchat\b.*\b42\b`, 2: `(?s)hello.*\n0 of 0 matching sockets`},
			logged: []string{`WSDISCONNECT.*"close_code":4403.*"reason":"banned"`},
		},
	} {
		t.Run(c.page, c.follow)
	}
}

func (c walk) follow(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", c.page))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(content), c.heading)
	if !found {
		t.Fatalf("%s has no %s", c.page, c.heading)
	}
	const nextBlock = "=== next block\n"
	script, blocks := "trap 'kill $(jobs -p)' EXIT\n", 0
	for _, block := range fencedBlock.FindAllStringSubmatch(text, -1) {
		language, lines := block[1], block[2]
		if name, isSaved := c.saved[language]; isSaved {
			script += "cat >" + name + " <<'SAVED'\n" + lines + "SAVED\n"
		}
		if language != "sh" {
			continue
		}
		if len(c.starts[blocks]) > 0 && !strings.HasSuffix(lines, "&\n") {
			lines = strings.TrimSuffix(lines, "\n") + " &\n" // another terminal of the reader
		}
		script += "printf '" + nextBlock + "'\n" + lines
		for _, port := range c.starts[blocks] {
			script += "until (: </dev/tcp/127.0.0.1/" + port + ") 2>/dev/null; do sleep 0.1; done\n"
		}
		blocks++
	}
	for _, port := range c.ports {
		script = strings.ReplaceAll(script, port, strconv.Itoa(testsite.FreePort(t)))
	}
	directory := t.TempDir()
	if err := os.Symlink(usherBinary(t), filepath.Join(directory, "caddy")); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), "bash", "-c", script)
	command.Dir, command.Stdout, command.Stderr, command.WaitDelay = directory, &stdout, &stderr, testwait.Limit
	command.Env = append(os.Environ(), "PATH="+directory+":"+os.Getenv("PATH"), "HOME="+directory, "XDG_DATA_HOME="+directory+"/data",
		"XDG_CONFIG_HOME="+directory+"/config",
		fmt.Sprint("CADDY_ADMIN=localhost:", testsite.FreePort(t)))
	if err := command.Run(); err != nil {
		t.Errorf("the last block: %v", err)
	}
	written := strings.Split(stdout.String(), nextBlock)[1:]
	if len(written) != blocks {
		t.Errorf("%d of %d blocks ran", len(written), blocks)
	}
	for i, want := range c.wrote {
		if i >= len(written) || !regexp.MustCompile(want).MatchString(written[i]) {
			t.Errorf("block %d: want %s", i, want)
		}
	}
	log := strings.Join(regexp.MustCompile(`(?m)^\{.*$`).FindAllString(stderr.String(), -1), "\n") // without the application's
	for _, want := range c.logged {
		if !regexp.MustCompile(want).MatchString(log) {
			t.Errorf("the log has no %s", want)
		}
	}
	if c.secret != "" {
		secret, err := os.ReadFile(filepath.Join(directory, c.secret))
		if err != nil || len(secret) < 16 || strings.Contains(log, strings.TrimSpace(string(secret))) {
			t.Errorf("the log has the secret, or there is none: %v", err)
		}
	}
	if t.Failed() {
		t.Logf("%s\n%s", stdout.String(), stderr.String())
	}
}
