package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// aPackage is the path of one.
const aPackage = "/packages/{owner}/{name}"

func (a *API) packageRoutes() []route {
	version := []parameter{versionParameter}
	return []route{
		{"GET /packages", "searchPackages", "Finds packages by words in Chinese or English, and counts them by their facets.", catalogue.None, searchParameters(), answers(a.search)},
		{"POST /packages", "createPackage", "Takes a name before anything is pushed.", catalogue.Write, nil, exchanges(http.StatusCreated, a.create)},
		{"GET " + aPackage, "getPackage", "Tells what is known of a package, and of one of its versions.", catalogue.None, version, answers(a.info)},
		{"PATCH " + aPackage, "configurePackage", "Changes settings of a package, and moves it where it gets another name.", catalogue.Write, nil, reads(a.configure)},
		{"DELETE " + aPackage, "deletePackage", "Removes a package with all its versions.", catalogue.Write, nil, does(a.delete)},
		{"DELETE " + aPackage + "/versions/{version}", "deleteVersion", "Removes a version; its name is never free again.", catalogue.Write, nil, does(a.deleteVersion)},
		{"PUT " + aPackage + "/versions/{version}/state", "retireVersion", "Yanks or deprecates a version, or takes that back.", catalogue.Write, nil, reads(a.retire)},
		{"PUT " + aPackage + "/like", "likePackage", "Says that the account likes a package.", catalogue.Read, nil, does(a.like)},
		{"DELETE " + aPackage + "/like", "unlikePackage", "Takes that back.", catalogue.Read, nil, does(a.like)},
		{"POST " + aPackage + "/installs", "recordInstall", "Notes that the account has installed what it was sent.", catalogue.Read, nil, reads(a.install)},
		{"GET " + aPackage + "/bom", "getBillOfMaterials", "Tells what a package is made of, as a CycloneDX ML-BOM.", catalogue.None, version, writes[map[string]any](bomMedia, a.bom)},
		{"POST " + aPackage + "/predict", "predict", "Asks a model, in a process of the market that is shut in.", catalogue.None, version, exchanges(http.StatusOK, a.predict)},
	}
}

// mostAtOnce is how many packages one answer to a search may hold.
const mostAtOnce = 100

func searchParameters() []parameter {
	orders := make([]string, len(catalogue.Orders))
	for i, o := range catalogue.Orders {
		orders[i] = string(o)
	}
	list := []parameter{text("q", "words to find"), oneOf("sort", "the order", orders...), limitParameter, offsetParameter}
	for _, facet := range slices.Sorted(maps.Keys(catalogue.Facets)) {
		list = append(list, text(facet, "packages with this "+facet+" alone"))
	}
	return list
}

func (a *API) search(r *http.Request, who catalogue.Caller) (*client.Found, error) {
	values := r.URL.Query()
	s := catalogue.Query{Text: values.Get("q"), Sort: catalogue.Order(values.Get("sort")), Limit: int(number(r, "limit")), Offset: int(number(r, "offset")), Facets: map[string]string{}}
	for facet := range catalogue.Facets {
		if v := values.Get(facet); v != "" {
			s.Facets[facet] = v
		}
	}
	list, err := a.depot.Catalogue.Search(r.Context(), who, s)
	if err != nil {
		return nil, err
	}
	found := &client.Found{Packages: []client.Package{}, Total: list.Total, Estimated: list.Estimated, Instead: list.Instead, Counts: map[string]map[string]int{}}
	for _, p := range list.Packages {
		found.Packages = append(found.Packages, describe(p))
	}
	for facet, counts := range list.Counts {
		found.Counts[facet] = map[string]int{}
		for _, c := range counts {
			found.Counts[facet][c.Value] = c.N
		}
	}
	return found, nil
}

func (a *API) create(r *http.Request, who catalogue.Caller, n client.NewPackage) (client.Package, error) {
	created, err := a.depot.Catalogue.CreateRepository(r.Context(), who, catalogue.NewRepository{FullName: n.Name, Kind: catalogue.Kind(n.Kind), Private: n.Private})
	if err != nil {
		return client.Package{}, err
	}
	return describe(created), nil
}

// repository is the one that a request is about.
func (a *API) repository(r *http.Request, who catalogue.Caller) (*catalogue.Repository, error) {
	return a.depot.Catalogue.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
}

// version is what a request is about, and the package that it is of.
func (a *API) version(r *http.Request, who catalogue.Caller) (*catalogue.Repository, *catalogue.Target, error) {
	found, err := a.repository(r, who)
	if err != nil {
		return nil, nil, err
	}
	t, err := a.depot.Catalogue.Resolve(r.Context(), found, r.URL.Query().Get("version"))
	return found, t, err
}

func describe(r *catalogue.Repository) client.Package {
	return client.Package{Name: r.FullName(), Kind: string(r.Kind), Private: r.Private, Title: r.Title, Description: r.Description, Licence: r.Licence, Task: r.Task, Family: r.Family,
		Labels: r.Labels, Size: r.Size, Downloads: r.Downloads, Likes: r.Likes, Rating: r.Mean(), Ratings: r.Ratings, Created: r.Created, Updated: r.Updated}
}

func (a *API) info(r *http.Request, who catalogue.Caller) (*client.Package, error) {
	repository, err := a.repository(r, who)
	if err != nil {
		return nil, err
	}
	p, c := describe(repository), a.depot.Catalogue
	refs, err := c.Refs(r.Context(), repository)
	if err != nil {
		return nil, err
	}
	for _, f := range refs {
		p.Versions = append(p.Versions, client.Version{Name: f.Name, Kind: f.Kind, Digest: f.Digest.String(), Commit: f.Commit, Updated: f.Updated, State: f.State, Reason: f.Reason, Successor: f.Successor})
	}
	version := r.URL.Query().Get("version")
	t, err := c.Resolve(r.Context(), repository, version)
	if errors.Is(err, catalogue.ErrNotFound) && version == "" { // nothing has been published yet
		return &p, nil
	}
	if err != nil {
		return nil, err
	}
	p.Digest = t.Manifest.Digest.String()
	files, err := c.Files(r.Context(), &t.Manifest)
	if err != nil {
		return nil, err
	}
	if p.Findings, err = c.Findings(r.Context(), &t.Manifest); err != nil {
		return nil, err
	}
	for _, f := range files {
		p.Files = append(p.Files, client.File{Path: f.Path, Digest: f.Digest.String(), Size: f.Size})
	}
	signatures, err := c.Signatures(r.Context(), &t.Manifest)
	if err != nil {
		return nil, err
	}
	for _, s := range signatures {
		p.Signatures = append(p.Signatures, client.Signature{Key: s.Fingerprint, Digest: s.Digest.String(), At: s.At})
	}
	return &p, nil
}

func (a *API) configure(r *http.Request, who catalogue.Caller, s client.Settings) error {
	repository, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.Configure(r.Context(), who, repository, catalogue.Settings{Private: s.Private, Gated: s.Gated, Description: s.Description})
	}
	if err == nil && s.Name != "" {
		err = a.depot.Catalogue.MoveRepository(r.Context(), who, repository, s.Name)
	}
	return err
}

func (a *API) delete(r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.DeleteRepository(r.Context(), who, repository)
}

// deleteVersion removes a version with its manifest.
func (a *API) deleteVersion(r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	t, err := a.depot.Catalogue.Resolve(r.Context(), repository, r.PathValue("version"))
	if err != nil {
		return err
	}
	return a.depot.Catalogue.DeleteManifest(r.Context(), who, repository, t.Manifest.Digest)
}

func (a *API) retire(r *http.Request, who catalogue.Caller, q client.Retirement) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.Retire(r.Context(), who, repository, r.PathValue("version"), q.State, q.Reason, q.Successor)
}

// like says that the caller likes a package, or no longer does.
func (a *API) like(r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.Like(r.Context(), who, repository, r.Method == http.MethodPut)
}

func (a *API) install(r *http.Request, who catalogue.Caller, i client.Install) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	d := digest.Digest(i.Digest)
	if err := d.Validate(); err != nil { // no digest would stand for the newest version
		return &badRequest{hint.Wrap(err, "send that of the manifest, as in sha256:…", "digest: %.100q", i.Digest)}
	}
	c := a.depot.Catalogue
	t, err := c.Resolve(r.Context(), repository, d.String())
	if err == nil {
		err = c.MayDownload(r.Context(), who, repository)
	}
	if err != nil {
		return err
	}
	sent, err := c.Downloaded(r.Context(), repository, auth.Client(who, r)) // whoever has installed it may rate it
	if err == nil && !sent {
		err = hint.Errorf("pull it with the same account first", "an install of %s, of which nothing was sent to %s: %w", repository.FullName(), who.Name(), catalogue.ErrForbidden)
	}
	if err != nil {
		return err
	}
	return c.RecordInstall(r.Context(), who.Account, repository, t.Manifest.Digest)
}

func (a *API) predict(r *http.Request, who catalogue.Caller, q client.Question) (*try.Answer, error) {
	repository, err := a.repository(r, who)
	if err != nil {
		return nil, err
	}
	return a.desk.Ask(r.Context(), who, auth.Client(who, r), repository, r.URL.Query().Get("version"), try.Question{Text: q.Text, Pair: q.Pair, Explain: q.Explain})
}
