package api

import (
	"errors"
	"io"
	"io/fs"
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/bom"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

const bomMedia = "application/vnd.cyclonedx+json"

// bom answers with the bill of materials of a package. Who may not read its files does not get what they say either.
func (a *API) bom(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.MayDownload(r.Context(), who, repository)
	}
	if err != nil {
		return err
	}
	version := r.URL.Query().Get("version")
	t, err := a.depot.Catalogue.Resolve(r.Context(), repository, version)
	if err != nil {
		return err
	}
	m, err := pack.Parse(t.Content)
	if errors.Is(err, pack.ErrNotPackage) {
		return hint.Wrap(catalogue.ErrNotFound, "ask for a package", "%s is none", repository.FullName())
	}
	if err != nil {
		return err
	}
	files := map[string]pack.File{}
	for _, f := range m.Files {
		files[f.Path] = f
	}
	open := func(path string) (io.ReadCloser, error) {
		f, there := files[path]
		if !there {
			return nil, fs.ErrNotExist
		}
		return a.depot.Open(r.Context(), repository, f.Digest)
	}
	facts, err := pack.ReadFacts(m.Kind, m.Files, open)
	if err != nil {
		return err
	}
	text, err := bom.Make(bom.Package{Name: repository.FullName(), Version: version, Digest: t.Manifest.Digest, Files: m.Files, Facts: facts, Open: open})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", bomMedia+"; version=1.6")
	_, err = w.Write(text)
	return err
}
