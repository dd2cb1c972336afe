package e2e

import (
	"bufio"
	"fmt"
	"os/exec"
	"testing"
)

// checkPahoForPython opens an MQTT socket with Python's client: with its key, through a reload, and rejected.
func checkPahoForPython(t *testing.T, port int, key string, reload func()) {
	t.Helper()
	start := func(key string) (publish func(string), next func() string) {
		client := exec.CommandContext(t.Context(), python, "testdata/clients/python_mqtt.py", fmt.Sprint(port), "/mqtt?key="+key)
		input, err := client.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := client.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = input.Close()
			_ = client.Wait()
		})
		lines := bufio.NewScanner(output)
		return func(text string) { _, _ = fmt.Fprintln(input, text) }, func() string {
			lines.Scan()
			return lines.Text()
		}
	}
	publish, next := start(key)
	if got := next(); got != "open" {
		t.Fatalf("paho-mqtt: %q, want open", got)
	}
	for _, when := range []string{"before the reload", "after the reload"} {
		publish(when)
		if got := next(); got != when {
			t.Errorf("paho-mqtt %s: %q came back", when, got)
		}
		reload()
	}
	if _, next := start("wrong-key-0123456789"); next() != "refused" {
		t.Error("paho-mqtt with a wrong key was not refused")
	}
}
