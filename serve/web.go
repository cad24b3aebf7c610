package serve

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed web
var web embed.FS

// page shows the page to try the model, in the language that the browser prefers or that ?lang= asks for.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	lang := language(r)
	page := s.options.Pages[lang]
	if page == nil {
		var err error
		if page, err = Page(s.model, &s.options, lang); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self'; script-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Language")
	w.Write(page)
}

// Languages are those that the page has.
var Languages = []string{"en", "zh"}

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
