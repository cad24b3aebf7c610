package api

import (
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// verifications mounts what was measured, and by what.
func (a *API) verifications(name string) {
	a.handle("GET /api/v1/benchmarks", a.benchmarks)
	a.handle("GET /api/v1/benchmarks/{name}", a.benchmark)
	a.handle("GET /api/v1/verification-key", a.verificationKey)
	a.handle("GET "+name+"/verifications", a.verified)
	a.handle("POST "+name+"/verifications", a.verify)
}

// Benchmark is one as programs read it, with its leaderboard if that is given.
func Benchmark(b *catalogue.Benchmark, board []catalogue.Place) client.Benchmark {
	out := client.Benchmark{Name: b.Name, Title: b.Title, Description: b.Description, Task: b.Task, Language: b.Language, Metric: b.Metric, Labels: b.Labels, Examples: b.Examples, Digest: b.Digest.String(), Created: b.Created}
	for _, p := range board {
		out.Places = append(out.Places, client.Ranked{Package: p.FullName(), Score: p.Score, Low: p.Low, High: p.High, Latency: p.Latency, Size: p.Size})
	}
	return out
}

func (a *API) benchmarks(w http.ResponseWriter, r *http.Request, _ catalogue.Caller) error {
	list, err := a.depot.Catalogue.Benchmarks(r.Context())
	if err != nil {
		return err
	}
	out := []client.Benchmark{}
	for _, b := range list {
		out = append(out, Benchmark(b, nil))
	}
	return write(w, http.StatusOK, out)
}

func (a *API) benchmark(w http.ResponseWriter, r *http.Request, _ catalogue.Caller) error {
	b, err := a.depot.Catalogue.Benchmark(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	board, err := a.depot.Catalogue.Leaderboard(r.Context(), b)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, Benchmark(b, board))
}

func (a *API) verificationKey(w http.ResponseWriter, r *http.Request, _ catalogue.Caller) error {
	key, err := a.depot.Catalogue.Signer(r.Context())
	if err != nil {
		return err
	}
	public := key.Public()
	return write(w, http.StatusOK, map[string]string{"pem": string(public.PEM()), "fingerprint": public.Fingerprint()})
}

// version finds what a request about a package means.
func (a *API) version(r *http.Request, who catalogue.Caller) (*catalogue.Repository, *catalogue.Target, error) {
	found, err := a.depot.Catalogue.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return nil, nil, err
	}
	t, err := a.depot.Catalogue.Resolve(r.Context(), found, r.URL.Query().Get("version"))
	return found, t, err
}

func (a *API) verified(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	_, t, err := a.version(r, who)
	if err != nil {
		return err
	}
	list, err := a.depot.Catalogue.Verifications(r.Context(), &t.Manifest)
	if err != nil {
		return err
	}
	out := []client.Verification{}
	for _, v := range list {
		out = append(out, client.Verification{Benchmark: v.Benchmark.Name, Wanted: v.Wanted, State: v.State, Record: v.Record, Statement: v.Statement.String()})
	}
	return write(w, http.StatusOK, out)
}

func (a *API) verify(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	found, t, err := a.version(r, who)
	if err != nil {
		return err
	}
	n, err := a.depot.Catalogue.Verify(r.Context(), who, found, &t.Manifest)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string]int{"benchmarks": n})
}
