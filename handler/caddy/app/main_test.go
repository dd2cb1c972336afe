//go:build unix

package app_test

import (
	"testing"

	_ "github.com/scan2food/usher"
	"github.com/scan2food/usher/internal/testsite"
)

func TestMain(m *testing.M) { testsite.Main(m) }
