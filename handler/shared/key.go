package shared

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Key is the secret that all nodes of a prefix have in common. Names of clients, users and sessions leave a node only as MACs
// under it, and events only encrypted, so that a backup of the storage without the key shows none of them. The key itself is in
// the storage too, as the private keys of certificates are.
type Key struct {
	secret [32]byte
	counts [32]byte
	seal   cipher.AEAD
}

// newKey derives a key for each purpose.
func newKey(secret [32]byte) *Key {
	k := &Key{secret: secret}
	k.counts = k.Derive("counts")
	events := k.Derive("events")
	block, err := aes.NewCipher(events[:])
	if err == nil {
		k.seal, err = cipher.NewGCMWithRandomNonce(block)
	}
	if err != nil {
		panic(err) // the length is valid
	}
	return k
}

// Derive returns a key for another purpose.
func (k *Key) Derive(purpose string) [32]byte {
	mac := hmac.New(sha256.New, k.secret[:])
	mac.Write([]byte(purpose))
	return [32]byte(mac.Sum(nil))
}

// String shows nothing.
func (*Key) String() string { return "shared key" }

// GoString is String.
func (k *Key) GoString() string { return k.String() }

// Count is what nodes count, such as the sockets of one client on one route.
type Count uint64

// Count returns the count of a kind and a name on a route. It does not allocate, unless the names are long.
func (k *Key) Count(kind byte, route, name string) Count {
	// A cut hash with the key in front is a MAC: it cannot be continued.
	input := append(make([]byte, 0, 256), k.counts[:]...)
	input = binary.AppendUvarint(append(input, kind), uint64(len(route)))
	input = append(append(input, route...), name...)
	sum := sha256.Sum256(input)
	return Count(binary.BigEndian.Uint64(sum[:]))
}

const keyName = "key"

// loadKey returns the key of the prefix. If there is none, it stores mine, or a new key if mine is nil.
func (s *Store) loadKey(ctx context.Context, mine *Key, random io.Reader) (*Key, error) {
	key, err := s.readKey(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	err = s.WithLock(ctx, keyName, func() (err error) {
		if key, err = s.readKey(ctx); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if key = mine; key == nil {
			var secret [32]byte
			if _, err := io.ReadFull(random, secret[:]); err != nil {
				return fmt.Errorf("drawing the shared key: %w", err)
			}
			key = newKey(secret)
		}
		return s.Store(ctx, keyName, []byte(hex.EncodeToString(key.secret[:])))
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) readKey(ctx context.Context) (*Key, error) {
	text, err := s.Load(ctx, keyName)
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	if n, err := hex.Decode(secret[:], text[:min(len(text), 64)]); err != nil || n != len(secret) || len(text) != 64 {
		return nil, errors.New("the shared key in the storage is damaged: delete it")
	}
	return newKey(secret), nil
}
