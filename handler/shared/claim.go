package shared

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

const usedPath = "used"

// errClaim means that the storage does not list what it stored, so that nothing can be exact.
var errClaim = errors.New("the storage does not list a key that was just stored")

// Claim reports whether no other node has claimed the name before. Every node must give the same end, after which the claim is
// forgotten. Of nodes that claim a name at the same time, at most one gets it, and perhaps none. A node may claim a name again
// after an error.
//
// Each node stores a claim of its own, then lists all. The later of two nodes sees the claim of the other one. That needs no
// lock, whose expiry depends on the clocks of the nodes in some storages.
func (n *Node) Claim(ctx context.Context, name []byte, until time.Time) (first bool, err error) {
	directory, err := n.claimsPath(name, until)
	if err != nil {
		return false, err
	}
	if err := n.store.Store(ctx, directory+"/"+n.id, []byte{'1'}); err != nil {
		return false, err
	}
	claims, err := n.store.List(ctx, directory)
	switch {
	case err != nil:
		return false, err
	case slices.ContainsFunc(claims, func(id string) bool { return id != n.id && validID(id) }):
		return false, nil
	case !slices.Contains(claims, n.id):
		return false, errClaim
	}
	return true, nil
}

// Unclaim removes a claim that this node got, so that any node may claim the name. The caller must not use the claim any more, and
// must not claim the name again before Unclaim has returned. After an error the claim may still be there.
func (n *Node) Unclaim(ctx context.Context, name []byte, until time.Time) error {
	directory, err := n.claimsPath(name, until)
	if err != nil {
		return err
	}
	return n.store.Delete(ctx, directory+"/"+n.id)
}

// claimsPath is the directory of the claims of a name.
func (n *Node) claimsPath(name []byte, until time.Time) (string, error) {
	key := n.Key()
	if key == nil {
		return "", errors.New("the storage was never reached")
	}
	secret := key.Derive("claims")
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(name)
	return fmt.Sprintf("%s/%d/%s", usedPath, minuteOf(until), hex.EncodeToString(mac.Sum(nil)[:16])), nil
}
