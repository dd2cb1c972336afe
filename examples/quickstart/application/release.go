package application

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// palette has a color for each release.
var palette = []string{"#0a7d55", "#7a3fc4", "#b4540a", "#1666b0", "#a8245e"}

// deploy overwrites the files with the next release, as a copy to a server does. Their names and the ?v= in the page stay the same.
func (a *application) deploy() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	next := a.release + 1
	values := map[string]any{"Release": next, "Color": palette[(next-1)%len(palette)], "Seats": seats()}
	for source, target := range map[string]string{
		"main.js": "theatre_js/live-orders/main.js", "worker.js": "theatre_js/live-orders/worker.js", "poster.svg": "poster.svg",
	} {
		parsed, err := template.ParseFS(files, "release/"+source)
		if err != nil {
			return err
		}
		var content strings.Builder
		if err := parsed.Execute(&content, values); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(a.folder, "static", filepath.FromSlash(target)), content.String()); err != nil {
			return err
		}
	}
	a.release = next
	return nil
}

// seats returns the seats of the theatre, each with the code of its QR label.
func seats() (all []map[string]any) {
	for row := 'A'; row <= 'P'; row++ {
		for number := 1; number <= 24; number++ {
			name := fmt.Sprintf("%c%d", row, number)
			all = append(all, map[string]any{"Name": name, "Code": fmt.Sprintf("%x", sha256.Sum256([]byte(name)))[:12]})
		}
	}
	return all
}

// replaceFile replaces a file atomically, so that no reader sees a partial file.
func replaceFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func (a *application) deployNext(w http.ResponseWriter, r *http.Request) {
	if err := a.deploy(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	a.state(w, r)
}
