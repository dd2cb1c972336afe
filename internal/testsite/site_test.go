package testsite_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

func TestStart(t *testing.T) {
	t.Parallel()
	site := testsite.Start(t, `
		:80
		log
		respond "hello"
	`)
	response, err := http.Get(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if string(body) != "hello" {
		t.Errorf("body = %q", body)
	}
	if len(site.Logs.With("handled request")) != 1 {
		t.Errorf("access lines in %s", site.Logs)
	}
	site.Unload()
}
