package api

import (
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) verificationRoutes() []route {
	version := []parameter{versionParameter}
	return []route{
		{"GET /benchmarks", "listBenchmarks", "Lists what models are measured by.", catalogue.None, nil, answers(a.benchmarks)},
		{"GET /benchmarks/{name}", "getBenchmark", "Tells of a benchmark, with its leaderboard.", catalogue.None, nil, answers(a.benchmark)},
		{"GET " + aPackage + "/verifications", "listVerifications", "Tells what was measured of a package.", catalogue.None, version, answers(a.verified)},
		{"POST " + aPackage + "/verifications", "verify", "Has a package measured anew.", catalogue.Write, version, answers(a.verify)},
		{"GET /verification-key", "getVerificationKey", "The key by which the market's own statements are checked.", catalogue.None, nil, answers(a.verificationKey)},
	}
}

// Benchmark is one as programs read it, with its leaderboard if that is given.
func Benchmark(b *catalogue.Benchmark, board []catalogue.Place) client.Benchmark {
	out := client.Benchmark{Name: b.Name, Title: b.Title, Description: b.Description, Kind: b.Kind, Task: b.Task, Also: b.Also, Language: b.Language, Metric: b.Metric, Labels: b.Labels, Examples: b.Examples, Digest: b.Digest.String(), Created: b.Created, Retired: b.Retired}
	for _, p := range board {
		out.Places = append(out.Places, client.Ranked{Package: p.FullName(), Score: p.Score, Low: p.Low, High: p.High, Latency: p.Latency, Size: p.Size})
	}
	return out
}

func (a *API) benchmarks(r *http.Request, _ catalogue.Caller) ([]client.Benchmark, error) {
	list, err := a.depot.Catalogue.Benchmarks(r.Context())
	out := []client.Benchmark{}
	for _, b := range list {
		out = append(out, Benchmark(b, nil))
	}
	return out, err
}

func (a *API) benchmark(r *http.Request, _ catalogue.Caller) (client.Benchmark, error) {
	b, err := a.depot.Catalogue.Benchmark(r.Context(), r.PathValue("name"))
	if err != nil {
		return client.Benchmark{}, err
	}
	board, err := a.depot.Catalogue.Leaderboard(r.Context(), b)
	return Benchmark(b, board), err
}

func (a *API) verificationKey(r *http.Request, _ catalogue.Caller) (client.MarketKey, error) {
	key, err := a.depot.Catalogue.Signer(r.Context())
	if err != nil {
		return client.MarketKey{}, err
	}
	public := key.Public()
	return client.MarketKey{PEM: string(public.PEM()), Fingerprint: public.Fingerprint()}, nil
}

func (a *API) verified(r *http.Request, who catalogue.Caller) ([]client.Verification, error) {
	_, t, err := a.version(r, who)
	if err != nil {
		return nil, err
	}
	list, err := a.depot.Catalogue.Verifications(r.Context(), &t.Manifest)
	out := []client.Verification{}
	for _, v := range list {
		out = append(out, client.Verification{Benchmark: v.Benchmark.Name, Wanted: v.Wanted, State: v.State, Record: v.Record, Statement: v.Statement.String()})
	}
	return out, err
}

func (a *API) verify(r *http.Request, who catalogue.Caller) (client.Measuring, error) {
	found, t, err := a.version(r, who)
	if err != nil {
		return client.Measuring{}, err
	}
	n, err := a.depot.Catalogue.Verify(r.Context(), who, found, &t.Manifest)
	return client.Measuring{Benchmarks: n}, err
}
