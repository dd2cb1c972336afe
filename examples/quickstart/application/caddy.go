package application

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// askCaddy sends a request to the admin API of Caddy and returns the body of the response.
func (a *application) askCaddy(method, path string, header http.Header, body []byte) ([]byte, error) {
	response, err := caddycmd.AdminAPIRequest(a.admin, method, path, header, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, content)
	}
	return content, err
}

// reloadCaddy loads the running configuration again, as `caddy reload --force` does.
func (a *application) reloadCaddy(w http.ResponseWriter, _ *http.Request) {
	config, err := a.askCaddy(http.MethodGet, "/config/", nil, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	started := time.Now()
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"must-revalidate"}}
	if _, err := a.askCaddy(http.MethodPost, "/load", header, config); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(w, map[string]any{"milliseconds": time.Since(started).Milliseconds()})
}

// darkRoutes returns the names of the routes that have an outage.
func (a *application) darkRoutes() ([]string, error) {
	content, err := a.askCaddy(http.MethodGet, "/usher/routes", nil, nil)
	if err != nil {
		return nil, err
	}
	var routes []struct {
		Route string `json:"route"`
		Dark  bool   `json:"dark"`
	}
	if err := json.Unmarshal(content, &routes); err != nil {
		return nil, err
	}
	dark := []string{}
	for _, route := range routes {
		if route.Dark {
			dark = append(dark, route.Route)
		}
	}
	return dark, nil
}
