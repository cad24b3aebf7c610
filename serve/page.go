//go:build !slim

package serve

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"io/fs"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

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

// Page returns the page to try m, as the server shows it.
func Page(m *model.Model, o *Options, lang string) ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, pageOf(m, o, lang))
	return b.Bytes(), err
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
