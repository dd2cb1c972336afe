package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// serveMinimal is the least program on net/http that serves the files: what is below it no handler in Caddy can be. It reads
// what minimalConfig wrote.
func serveMinimal(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var dir string
	var port int
	var secure bool
	if _, err := fmt.Sscanf(string(text), "%q %d %t", &dir, &port, &secure); err != nil {
		return fmt.Errorf("reading %s: %w", config, err)
	}
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
	address := fmt.Sprintf("localhost:%d", port)
	if secure {
		return http.ListenAndServeTLS(address, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), nil)
	}
	return http.ListenAndServe(address, nil)
}

func minimalConfig(s server, port int, secure bool) string {
	return fmt.Sprintf("%q %d %t", s.dir, port, secure)
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
