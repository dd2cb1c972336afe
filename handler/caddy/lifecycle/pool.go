package lifecycle

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
)

// Pooled records which values a module holds in usage pools, where its successor after a reload finds them.
type Pooled []pooledValue

type pooledValue struct {
	pool *caddy.UsagePool
	key  string
}

// Load returns the pool's value of the key, and constructs the value if there is none.
func (p *Pooled) Load(pool *caddy.UsagePool, key string, construct caddy.Constructor) (any, error) {
	value, _, err := pool.LoadOrNew(key, construct)
	if err == nil {
		*p = append(*p, pooledValue{pool, key})
	}
	return value, err
}

// Release releases all values, the latest first, since a value may use those loaded before it.
func (p *Pooled) Release() error {
	var errs []error
	for i := len(*p) - 1; i >= 0; i-- {
		_, err := (*p)[i].pool.Delete((*p)[i].key)
		errs = append(errs, err)
	}
	*p = nil
	return errors.Join(errs...)
}
