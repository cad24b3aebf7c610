package api

import (
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// configure changes settings of a package, and moves it where it gets another name.
func (a *API) configure(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var s client.Settings
	if err := read(r, &s); err != nil {
		return err
	}
	repository, err := a.writable(r, who)
	if err == nil {
		err = a.depot.Catalogue.Configure(r.Context(), who, repository, catalogue.Settings{Private: s.Private, Gated: s.Gated, Description: s.Description})
	}
	if err == nil && s.Name != "" {
		err = a.depot.Catalogue.MoveRepository(r.Context(), who, repository, s.Name)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteVersion removes a version with its manifest; its name is never free again.
func (a *API) deleteVersion(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.writable(r, who)
	if err != nil {
		return err
	}
	t, err := a.depot.Catalogue.Resolve(r.Context(), repository, r.PathValue("version"))
	if err == nil {
		err = a.depot.Catalogue.DeleteManifest(r.Context(), who, repository, t.Manifest.Digest)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// like says that the caller likes a package, or no longer does.
func (a *API) like(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.Like(r.Context(), who, repository, r.Method == http.MethodPut)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
