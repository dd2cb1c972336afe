package usher

import (
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

func TestMain(m *testing.M) { testsite.Main(m) }
