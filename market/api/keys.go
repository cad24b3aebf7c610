package api

import (
	"errors"
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

func (a *API) keys(w http.ResponseWriter, r *http.Request, _ catalogue.Caller) error {
	owner, err := a.depot.Catalogue.Account(r.Context(), r.PathValue("owner"))
	if errors.Is(err, catalogue.ErrNotFound) { // nobody learns which names there are
		return write(w, http.StatusOK, []client.Key{})
	}
	if err != nil {
		return err
	}
	keys, err := a.depot.Catalogue.Keys(r.Context(), owner)
	if err != nil {
		return err
	}
	list := []client.Key{}
	for _, k := range keys {
		list = append(list, client.Key{Fingerprint: k.Fingerprint(), PEM: string(k.PEM()), Name: k.Name, Added: k.Added})
	}
	return write(w, http.StatusOK, list)
}

func (a *API) addKey(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var k client.Key
	if err := read(r, &k); err != nil {
		return err
	}
	key, err := sign.ReadPublicKey([]byte(k.PEM))
	if err != nil {
		return &badRequest{err}
	}
	if err := a.depot.Catalogue.AddKey(r.Context(), who, r.PathValue("owner"), key, k.Name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) removeKey(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := a.depot.Catalogue.RemoveKey(r.Context(), who, r.PathValue("owner"), r.PathValue("fingerprint")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
