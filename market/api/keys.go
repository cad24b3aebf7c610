package api

import (
	"errors"
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

func (a *API) keyRoutes() []route {
	return []route{
		{"GET /keys/{owner}", "listKeys", "Lists the public keys of an account, by which its signatures are checked.", catalogue.None, nil, answers(a.keys)},
		{"POST /keys/{owner}", "addKey", "Adds a public key.", catalogue.Admin, nil, reads(a.addKey)},
		{"DELETE /keys/{owner}/{fingerprint}", "removeKey", "Takes a key away.", catalogue.Admin, nil, does(a.removeKey)},
	}
}

func (a *API) keys(r *http.Request, _ catalogue.Caller) ([]client.Key, error) {
	list := []client.Key{}
	owner, err := a.depot.Catalogue.Account(r.Context(), r.PathValue("owner"))
	if errors.Is(err, catalogue.ErrNotFound) { // nobody learns which names there are
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := a.depot.Catalogue.Keys(r.Context(), owner)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		list = append(list, client.Key{Fingerprint: k.Fingerprint(), PEM: string(k.PEM()), Name: k.Name, Added: k.Added})
	}
	return list, nil
}

func (a *API) addKey(r *http.Request, who catalogue.Caller, k client.NewKey) error {
	key, err := sign.ReadPublicKey([]byte(k.PEM))
	if err != nil {
		return &badRequest{err}
	}
	return a.depot.Catalogue.AddKey(r.Context(), who, r.PathValue("owner"), key, k.Name)
}

func (a *API) removeKey(r *http.Request, who catalogue.Caller) error {
	return a.depot.Catalogue.RemoveKey(r.Context(), who, r.PathValue("owner"), r.PathValue("fingerprint"))
}
