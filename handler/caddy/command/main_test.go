//go:build unix

package command_test

import (
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

func TestMain(m *testing.M) { testsite.Main(m) }
