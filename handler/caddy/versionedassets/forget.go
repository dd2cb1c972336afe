package versionedassets

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// checkForget rejects a time in the future. Browsers would clear their caches before the correction.
func (a *Handler) checkForget(now time.Time) error {
	switch {
	case a.ForgetBefore.IsZero():
		return nil
	case !slices.Contains(a.Stamp, StampHTML):
		return errors.New("forget_before needs `stamp html`: pages tell the browsers")
	case a.ForgetBefore.After(now):
		return fmt.Errorf("forget_before is in the future (%s): use a time that has passed", a.ForgetBefore.Format(time.RFC3339))
	}
	return nil
}
