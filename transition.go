package usher

import (
	"net/http"

	"github.com/scan2food/usher/handler/caddy/request"
)

func errorStatus(err error) int { return request.ErrorStatus(err) }

func externalOrigin(r *http.Request) (scheme, host string) { return request.ExternalOrigin(r) }
