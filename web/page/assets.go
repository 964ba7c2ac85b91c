package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages load. Its name holds a hash of its content, so that browsers may
// keep it for ever.
type asset struct {
	name       string // with the hash
	mediaType  string
	plain      []byte
	compressed []byte
}

// assets are all files by their plain names, and by their names with a hash.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // the files are embedded
	}
	for _, e := range entries {
		plain, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(plain)
		ext := path.Ext(e.Name())
		a := asset{
			name:      strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext,
			mediaType: mime.TypeByExtension(ext), plain: plain,
		}
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		_, err = z.Write(plain)
		if err := errors.Join(err, z.Close()); err != nil {
			panic(err) // memory does not fail to be written
		}
		a.compressed = small.Bytes()
		all[e.Name()], all[a.name] = a, a
	}
	return all
})

// serveAsset answers with a file. It has a name with a hash: another content has another name.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, known := assets()[r.PathValue("name")]
	if !known || a.name != r.PathValue("name") {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.compressed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that has gone needs no file
}
