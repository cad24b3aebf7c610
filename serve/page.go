package serve

import (
	"bytes"
	"embed"
	"encoding/base64"
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
	Icon       template.URL
	Standalone bool // the page holds the model, there is no server
}

// page shows the page to try the model, in the language that the browser prefers or that ?lang= asks for.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self'; script-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Language")
	if err := pageTemplate.Execute(w, pageOf(s.model, &s.options, language(r))); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func pageOf(m *model.Model, o *Options, lang string) *pageData {
	d := &pageData{
		Lang:       lang,
		Name:       o.Name,
		Family:     m.Architecture(),
		Pair:       m.Config.Pair,
		Asks:       m.Config.Head == model.AnswerHead,
		Labels:     m.Labels,
		Parameters: size.Count(m.Parameters()),
		Examples:   o.Examples,
		Icon:       "/static/icon.svg",
	}
	if m.Package != nil {
		d.Size, d.Digest = size.Bytes(m.Package.Size), m.Package.Digest
		if d.Name == "" {
			d.Name = filepath.Base(m.Package.Dir)
		}
	}
	return d
}

// Parts are the pieces of the page for those who put it together without a server.
type Parts struct {
	Body          map[string][]byte // what stands in the body, by language: en, zh
	Style, Script []byte            // the script asks globalThis.xiaoyuAsk(request), which returns what POST /v1/predict does
}

// Standalone returns the pieces of the page to try m.
func Standalone(m *model.Model, o Options) (*Parts, error) {
	p := &Parts{Body: map[string][]byte{}}
	icon, err := fs.ReadFile(web, "web/icon.svg")
	if err != nil {
		return nil, err
	}
	for _, lang := range []string{"en", "zh"} {
		d := pageOf(m, &o, lang)
		d.Standalone, d.Icon = true, template.URL("data:image/svg+xml;base64,"+base64.StdEncoding.EncodeToString(icon))
		var b bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&b, "body", d); err != nil {
			return nil, err
		}
		p.Body[lang] = b.Bytes()
	}
	if p.Style, err = fs.ReadFile(web, "web/style.css"); err != nil {
		return nil, err
	}
	p.Script, err = fs.ReadFile(web, "web/app.js")
	return p, err
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
