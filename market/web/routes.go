package web

import (
	"net/http"
	"strings"
)

// routes are the pages by their patterns. Those of collections have a mux of their own: below /collections/ any name might
// be taken for the page of a package, which one ServeMux refuses.
type routes struct{ all, collections http.ServeMux }

const collectionsPath = "/collections"

// HandleFunc is http.ServeMux's.
func (s *routes) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	if _, path, _ := strings.Cut(pattern, " "); path == collectionsPath || strings.HasPrefix(path, collectionsPath+"/") {
		s.collections.HandleFunc(pattern, f)
		return
	}
	s.all.HandleFunc(pattern, f)
}

// ServeHTTP answers one request.
func (s *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == collectionsPath || strings.HasPrefix(r.URL.Path, collectionsPath+"/") {
		s.collections.ServeHTTP(w, r)
		return
	}
	s.all.ServeHTTP(w, r)
}
