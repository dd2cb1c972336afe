package usher

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
)

// poolUses are the values that a handler uses of the process's pools, where its successor after a reload finds them.
type poolUses []poolUse

type poolUse struct {
	pool *caddy.UsagePool
	key  string
}

func (u *poolUses) load(pool *caddy.UsagePool, key string, open caddy.Constructor) (any, error) {
	value, _, err := pool.LoadOrNew(key, open)
	if err == nil {
		*u = append(*u, poolUse{pool, key})
	}
	return value, err
}

// release gives them back, the latest first: it may use those before it.
func (u *poolUses) release() error {
	var errs []error
	for i := len(*u) - 1; i >= 0; i-- {
		_, err := (*u)[i].pool.Delete((*u)[i].key)
		errs = append(errs, err)
	}
	*u = nil
	return errors.Join(errs...)
}
