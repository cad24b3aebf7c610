package serve

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

//go:embed web
var web embed.FS

var pageTemplate = template.Must(template.ParseFS(web, "web/index.html"))

// pageData is what the page shows before anything is typed.
type pageData struct {
	Lang       string // en or zh
	Name       string
	Family     string
	Pair       bool
	Asks       bool // the second text is a question about the first
	Labels     []string
	Parameters string
	Size       string
	Digest     string
	Examples   []string
}

// page shows the page to try the model, in the language that the browser prefers or that ?lang= asks for.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	m := s.model
	d := pageData{
		Lang:       language(r),
		Name:       s.options.Name,
		Family:     m.Architecture(),
		Pair:       m.Config.Pair,
		Asks:       m.Config.Head == model.AnswerHead,
		Labels:     m.Labels,
		Parameters: size.Count(m.Parameters()),
		Examples:   s.options.Examples,
	}
	if m.Package != nil {
		d.Size, d.Digest = size.Bytes(m.Package.Size), m.Package.Digest
		if d.Name == "" {
			d.Name = filepath.Base(m.Package.Dir)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self'; script-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Language")
	if err := pageTemplate.Execute(w, d); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// language is zh or en.
func language(r *http.Request) string {
	for _, want := range []string{r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")} {
		for _, l := range strings.Split(want, ",") {
			switch l = strings.ToLower(strings.TrimSpace(l)); {
			case strings.HasPrefix(l, "zh"):
				return "zh"
			case strings.HasPrefix(l, "en"):
				return "en"
			}
		}
	}
	return "en"
}

// static serves the style sheet and the script.
func static() http.Handler {
	sub, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return http.StripPrefix("/static/", http.FileServerFS(sub))
}
