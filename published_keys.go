package usher

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/websocket/gate"
)

// A key in a script that everybody may load is known to everybody. Files that hold text are looked through, in the
// background, once for each generation; what is longer than this, or beyond all of it, is not.
const (
	maxSearchedFile  = 4 << 20
	maxSearchedBytes = 256 << 20
	searchEvery      = 2 * time.Second
)

// searchedTypes are files in which people write keys.
var searchedTypes = []string{".js", ".mjs", ".cjs", ".html", ".htm", ".css", ".json", ".map", ".txt", ".xml", ".svg", ".ts", ".env"}

// publishedKeys looks for the keys of a gate in what its site serves.
type publishedKeys struct {
	gate     *WebSocketGate
	searched map[*servedRoot]*assets.Catalog
	told     map[string]bool // label and file
}

func newPublishedKeys(g *WebSocketGate) publishedKeys {
	return publishedKeys{g, make(map[*servedRoot]*assets.Catalog), make(map[string]bool)}
}

// search goes on until stop: a file with a key may come with a later generation.
func (p *publishedKeys) search(stop <-chan struct{}) {
	ticker := time.NewTicker(searchEvery)
	defer ticker.Stop()
	for {
		for _, root := range servedRootsOf(p.gate.logs.server) {
			p.searchRoot(root, stop)
		}
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

// searchRoot looks through the current generation of a directory, if that is there and has not been looked through.
func (p *publishedKeys) searchRoot(root *servedRoot, stop <-chan struct{}) {
	catalog := root.tree.Current()
	if catalog == nil || p.searched[root] == catalog {
		return
	}
	p.searched[root] = catalog
	directory, err := os.OpenRoot(root.root)
	if err != nil {
		return // the tree says so itself
	}
	defer directory.Close()
	left := int64(maxSearchedBytes)
	for file := range catalog.All() {
		select {
		case <-stop:
			return
		default:
		}
		if file.Size > maxSearchedFile || !isSearched(file.Path) {
			continue
		}
		if left -= file.Size; left < 0 {
			return
		}
		p.searchFile(directory, root, file.Path)
	}
}

func (p *publishedKeys) searchFile(directory *os.Root, root *servedRoot, path string) {
	file, err := directory.Open(filepath.FromSlash(path))
	if err != nil {
		return // gone since
	}
	defer file.Close()
	p.searchText(file, root.prefix+path)
}

// searchText tells of the keys in a file, by a name of it that the operator knows.
func (p *publishedKeys) searchText(file io.Reader, name string) {
	text, err := io.ReadAll(io.LimitReader(file, maxSearchedFile))
	if err != nil {
		return
	}
	for _, found := range p.gate.gate.FindKeys(string(text)) {
		p.tell(found, name)
	}
}

func (p *publishedKeys) tell(found gate.FoundKey, name string) {
	if p.told[found.Label+"\n"+name] {
		return
	}
	p.told[found.Label+"\n"+name] = true
	p.gate.logger.Warn("a key stands in a file that everybody may load; a ticket in a cookie makes it unnecessary there",
		zap.String("route", found.Route), zap.String("key", found.Label), zap.String("file", name))
}

// serverOf is the server that a handler is provisioned for.
func serverOf(value func(any) any) *caddyhttp.Server {
	server, _ := value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return server
}
