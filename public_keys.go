package usher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// What Caddy's file_server serves is looked through once for each configuration, one gate at a time, within these limits
// and maxSearchedBytes.
const (
	maxSearchedEntries = 100_000
	maxSearchedTime    = time.Minute
)

var searchingPublic sync.Mutex

var errSearchedEnough = errors.New("searched enough")

// publicKeys looks for the keys of a gate in the directories that its server gives to everybody without versioned_assets.
type publicKeys struct {
	publishedKeys
	versioned []string // directories that versioned_assets serves
	stop      <-chan struct{}
	deadline  time.Time
	entries   int
	bytes     int64
}

// searchPublic looks through them in the background.
func (w *gateWatch) searchPublic(server *caddyhttp.Server) {
	w.stopped.Go(func() {
		searchingPublic.Lock()
		defer searchingPublic.Unlock()
		p := publicSearch(w.gate, w.stop)
		for _, served := range servedRootsOf(server) {
			p.versioned = append(p.versioned, filepath.Clean(served.root))
		}
		for _, directory := range publicDirectories(server) {
			if err := p.searchDirectory(directory); errors.Is(err, errSearchedEnough) {
				w.gate.logger.Info("not all files that are served were searched for keys", zap.String("directory", directory.root))
				return
			}
		}
	})
}

func publicSearch(g *WebSocketGate, stop <-chan struct{}) *publicKeys {
	return &publicKeys{publishedKeys: newPublishedKeys(g), stop: stop, deadline: time.Now().Add(maxSearchedTime)}
}

// searchDirectory fails only where a limit is met. What cannot be read is not served either; symbolic links to directories
// are not followed.
func (p *publicKeys) searchDirectory(directory publicDirectory) error {
	return fs.WalkDir(os.DirFS(directory.root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err := p.count(); err != nil {
			return err
		}
		path := filepath.Join(directory.root, filepath.FromSlash(name))
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && (directory.hides(path) || slices.Contains(p.versioned, path)):
			return fs.SkipDir
		case entry.IsDir() || directory.hides(path) || !isSearched(path):
			return nil
		}
		p.searchPath(path)
		return nil
	})
}

// count is called for each entry.
func (p *publicKeys) count() error {
	select {
	case <-p.stop:
		return fs.SkipAll
	default:
	}
	p.entries++
	if p.entries > maxSearchedEntries || p.bytes > maxSearchedBytes || time.Now().After(p.deadline) {
		return errSearchedEnough
	}
	return nil
}

func (p *publicKeys) searchPath(path string) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSearchedFile {
		return
	}
	p.bytes += info.Size()
	p.searchText(file, path)
}

// isSearched reports a name that may hold text.
func isSearched(path string) bool {
	return slices.Contains(searchedTypes, strings.ToLower(filepath.Ext(path)))
}
