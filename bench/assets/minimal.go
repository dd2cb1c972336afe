package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/scan2food/usher/bench/internal/peers"
)

// minimal returns the command that runs this program as a minimal server on net/http.
func minimal(site peers.Site) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		peers.Fatalf("%v", err)
	}
	args := []string{self, "minimal", site.Dir, strconv.Itoa(site.Port)}
	if site.Secure {
		args = append(args, "secure")
	}
	return peers.OnServersCore(site.Dir, args...)
}

// serveMinimal serves the files with net/http. Caddy uses net/http too, so no handler in Caddy can be faster.
func serveMinimal(dir, port string, secure bool) error {
	for name, size := range sizes {
		path := filepath.Join(dir, "plain", name)
		if size >= sizes[large] {
			http.HandleFunc("/static/"+name, func(w http.ResponseWriter, _ *http.Request) { sendFile(w, path, size) })
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		http.HandleFunc("/static/"+name, func(w http.ResponseWriter, r *http.Request) { send(w, r, content) })
	}
	address := "localhost:" + port
	if secure {
		return http.ListenAndServeTLS(address, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), nil)
	}
	return http.ListenAndServe(address, nil)
}

func send(w http.ResponseWriter, r *http.Request, content []byte) {
	header, length := w.Header(), strconv.Itoa(len(content))
	header["Etag"] = []string{`"` + length + `"`}
	if r.Header["If-None-Match"] != nil {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"], header["Content-Length"] = []string{"application/octet-stream"}, []string{length}
	_, _ = w.Write(content)
}

func sendFile(w http.ResponseWriter, path string, size int) {
	file, err := os.Open(path)
	if err != nil {
		log.Print(err)
		return
	}
	defer file.Close()
	w.Header()["Content-Type"], w.Header()["Content-Length"] = []string{"application/octet-stream"}, []string{strconv.Itoa(size)}
	_, _ = io.Copy(w, file)
}
