package hubapi

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// resolve sends a file: by the names of headers that the hub's clients read, with ranges, and redirects only where a
// repository has moved, within this market (clients send no token elsewhere).
func (h *Handler) resolve(w http.ResponseWriter, r *request) error {
	s, err := h.find(r)
	if err != nil {
		return err
	}
	if s.FullName() != r.name {
		_, rest, _ := strings.Cut(r.URL.EscapedPath(), "/"+r.action+"/")
		before, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		prefix := ""
		if _, ok := kinds[before]; ok {
			prefix = before + "/"
		}
		to := url.URL{Path: "/" + prefix + s.FullName() + "/" + r.action + "/"}
		http.Redirect(w, r.Request, to.EscapedPath()+rest, http.StatusTemporaryRedirect)
		return nil
	}
	if err := h.depot.Catalogue.MayDownload(r.Context(), r.who, s.Repository); err != nil {
		return err
	}
	head := w.Header()
	head.Set("X-Repo-Commit", s.commit)
	i, ok := slices.BinarySearchFunc(s.files, r.path(), func(f catalogue.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return hint.Errorf("see its files at /api/"+typeOf(r.kind)+"s/"+s.FullName()+"/tree/"+s.commit, "%s has no file %.200q at %s: %w", s.FullName(), r.path(), s.commit, errNoEntry)
	}
	f := s.files[i]
	content, err := h.depot.Open(r.Context(), s.Repository, f.Digest)
	if err != nil {
		return err
	}
	defer content.Close()
	if r.Method == http.MethodGet && counts(r.Request) {
		err := h.depot.Catalogue.CountDownload(r.Context(), s.Repository, auth.Client(r.who, r.Request))
		if err == nil && r.who.Account != nil {
			err = h.depot.Catalogue.RecordInstall(r.Context(), r.who.Account, s.Repository, s.target.Manifest.Digest)
		}
		if err != nil {
			return err
		}
	}
	etag := strconv.Quote(f.Digest.Encoded())
	head.Set("ETag", etag)
	head.Set("X-Linked-Etag", etag)
	head.Set("X-Linked-Size", fmt.Sprint(f.Size))
	head.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": path.Base(f.Path)}))
	head.Set("Content-Type", contentType(f.Path))
	// Files are of whoever published them: a browser must not take them for pages of the market.
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox")
	head.Set("Access-Control-Expose-Headers", "ETag, X-Linked-Etag, X-Linked-Size, X-Repo-Commit, X-Error-Code, X-Error-Message, Content-Range, Accept-Ranges")
	http.ServeContent(w, r.Request, "", time.Time{}, content)
	return nil
}

// counts tells a request that means a download of the package: one that begins a file. One client counts once a day, see
// the catalogue, so that it does not matter how many files it loads.
func counts(r *http.Request) bool {
	from := r.Header.Get("Range")
	return from == "" || strings.HasPrefix(from, "bytes=0-")
}

// contentType says what a file is, and that text is nothing but text.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
		return "application/json"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".md", ".txt", ".csv", ".jsonl", ".yaml", ".yml", ".html", ".js", ".py", ".go", ".svg", ".xml":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
