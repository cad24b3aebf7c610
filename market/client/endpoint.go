package client

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// The schemes of places that packages are copied between.
const (
	ociScheme = "oci://"
	hubScheme = "hf://"
)

// Place is where a mirror reads or writes: a repository on a market, on an OCI registry, or on a hub.
type Place struct {
	Scheme string // market://, oci:// or hf://
	Host   string // host:port; "" for the market of the login, or the hub of HF_ENDPOINT
	Name   string // owner/name, of registries any path
	Kind   string // of a hub: "" for models, dataset or space
	Tag    string // or a revision; "" for all
	Digest digest.Digest
}

// hubKinds stand before owner and name where a repository of a hub is no model, or is said to be one.
var hubKinds = map[string]bool{"datasets": true, "spaces": true, "models": true}

var placePattern = regexp.MustCompile(`^((?:[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*/)*[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)

// ParsePlace reads market://[HOST/]owner/name[:tag], oci://HOST/name[:tag], hf://[HOST/]owner/name[@revision] or
// hf://[HOST/]datasets/owner/name.
func ParsePlace(s string) (Place, error) {
	const way = "write market://owner/name, market://HOST:PORT/owner/name, oci://HOST/name:tag or hf://owner/name"
	p := Place{}
	for _, scheme := range []string{Scheme, ociScheme, hubScheme} {
		if strings.HasPrefix(s, scheme) {
			p.Scheme = scheme
		}
	}
	rest := strings.TrimPrefix(s, p.Scheme)
	switch p.Scheme {
	case "":
		return p, hint.Errorf(way, "%.200q names no place to copy from or to", s)
	case hubScheme:
		if first, after, _ := strings.Cut(rest, "/"); strings.Contains(after, "/") && !hubKinds[first] {
			p.Host, rest = first, after
		}
		for prefix, kind := range map[string]string{"datasets/": "dataset", "spaces/": "space", "models/": ""} {
			if after, ok := strings.CutPrefix(rest, prefix); ok && strings.Count(after, "/") == 1 {
				rest, p.Kind = after, kind
			}
		}
		p.Name, p.Tag, _ = strings.Cut(rest, "@")
		if !referencePattern.MatchString(p.Name) || strings.ContainsAny(p.Name, ":@") {
			return p, hint.Errorf(way, "%.200q names no repository of a hub", s)
		}
		return p, nil
	case ociScheme:
		p.Host, rest, _ = strings.Cut(rest, "/")
	default:
		if strings.Count(rest, "/") >= 2 {
			p.Host, rest, _ = strings.Cut(rest, "/")
		}
	}
	m := placePattern.FindStringSubmatch(rest)
	if m == nil || len(m[1]) > 255 || p.Scheme == ociScheme && p.Host == "" || p.Scheme == Scheme && strings.Count(m[1], "/") != 1 {
		return p, hint.Errorf(way, "%.200q names no place to copy from or to", s)
	}
	p.Name, p.Tag, p.Digest = m[1], m[2], digest.Digest(m[3])
	return p, nil
}

func (p Place) String() string {
	s := p.Scheme
	if p.Host != "" {
		s += p.Host + "/"
	}
	if p.Kind != "" {
		s += p.Kind + "s/"
	}
	s += p.Name
	switch {
	case p.Tag != "" && p.Scheme == hubScheme:
		s += "@" + p.Tag
	case p.Tag != "":
		s += ":" + p.Tag
	}
	if p.Digest != "" {
		s += "@" + p.Digest.String()
	}
	return s
}

// connect returns a client of a market or a registry. token is the one given by a flag; "" for what a login has kept, or
// Docker's configuration has.
func (p Place) connect(token, home string) (*Client, error) {
	if p.Scheme == Scheme {
		return New(Options{Market: p.Host, Token: token, Home: home})
	}
	host := p.Host
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	c, err := New(Options{Market: host, Token: "-", Home: home})
	if err != nil {
		return nil, err
	}
	c.token = ""
	user, password := "", ""
	if token != "" {
		if name, secret, ok := strings.Cut(token, ":"); ok {
			user, password = name, secret
		} else {
			user, password = "token", token
		}
	} else if user, password, err = dockerLogin(p.Host); err != nil {
		return nil, err
	}
	c.http.Transport = &registryAuth{next: c.http.Transport, host: c.base.Host, user: user, password: password, tokens: map[string]registryToken{}}
	return c, nil
}

// registryAuth introduces itself to a registry in the ways that registries ask for
// (https://distribution.github.io/distribution/spec/auth/token/): Basic, or a token for a repository.
type registryAuth struct {
	next           http.RoundTripper
	host           string
	user, password string

	mu     sync.Mutex
	asked  bool   // what the registry wants
	scheme string // "", basic or bearer
	realm  string
	params url.Values
	tokens map[string]registryToken // by scope
}

type registryToken struct {
	value string
	until time.Time
}

// RoundTrip sends a request with what the registry wants to see. Only the registry itself sees it.
func (a *registryAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != a.host {
		return a.next.RoundTrip(r)
	}
	header, err := a.header(r)
	if err != nil {
		return nil, err
	}
	if header != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", header)
	}
	return a.next.RoundTrip(r)
}

func (a *registryAuth) header(r *http.Request) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.asked {
		if err := a.ask(r); err != nil {
			return "", err
		}
	}
	switch a.scheme {
	case "basic":
		if a.user == "" && a.password == "" {
			return "", nil
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.user+":"+a.password)), nil
	case "bearer":
		return a.bearer(r)
	}
	return "", nil
}

var challenge = regexp.MustCompile(`([a-zA-Z_]+)="([^"]*)"`)

// ask finds out what the registry wants.
func (a *registryAuth) ask(r *http.Request) error {
	ping, err := http.NewRequestWithContext(r.Context(), "GET", r.URL.Scheme+"://"+a.host+"/v2/", nil)
	if err != nil {
		return err
	}
	answer, err := a.next.RoundTrip(ping)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	a.asked, a.params = true, url.Values{}
	kind, rest, _ := strings.Cut(answer.Header.Get("WWW-Authenticate"), " ")
	switch strings.ToLower(kind) {
	case "basic":
		a.scheme = "basic"
	case "bearer":
		a.scheme = "bearer"
		for _, m := range challenge.FindAllStringSubmatch(rest, -1) {
			if m[1] == "realm" {
				a.realm = m[2]
			} else if m[1] == "service" {
				a.params.Set("service", m[2])
			}
		}
	}
	return nil
}

// repositoryPath finds the repository in the path of a request.
var repositoryPath = regexp.MustCompile(`^/v2/(.+)/(?:manifests|blobs|tags|referrers)/`)

// bearer returns a token for the repository that a request is about, a new one where the last ends soon.
func (a *registryAuth) bearer(r *http.Request) (string, error) {
	m := repositoryPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return "", nil
	}
	actions := "pull"
	if r.Method != "GET" && r.Method != "HEAD" || strings.Contains(r.URL.Path, "/blobs/uploads/") {
		actions = "pull,push"
	}
	scope := "repository:" + m[1] + ":" + actions
	if t := a.tokens[scope]; time.Until(t.until) > 10*time.Second {
		return "Bearer " + t.value, nil
	}
	realm, err := url.Parse(a.realm)
	if err != nil || realm.Host == "" || realm.Scheme != "https" && realm.Scheme != r.URL.Scheme {
		return "", hint.Errorf("check the address", "%s names no service for tokens that could be trusted: %.100q", a.host, a.realm)
	}
	q := realm.Query()
	for k, v := range a.params {
		q[k] = v
	}
	q.Set("scope", scope)
	realm.RawQuery = q.Encode()
	ask, err := http.NewRequestWithContext(r.Context(), "GET", realm.String(), nil)
	if err != nil {
		return "", err
	}
	if a.user != "" || a.password != "" {
		ask.SetBasicAuth(a.user, a.password)
	}
	answer, err := a.next.RoundTrip(ask)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct {
		Token       string
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&said); err != nil || answer.StatusCode != http.StatusOK {
		return "", hint.Errorf("check user and password: pass --from-token or --to-token as USER:PASSWORD, or log in with docker", "%s gives no token for %s: %s", realm.Host, scope, answer.Status)
	}
	t := registryToken{first(said.Token, said.AccessToken), time.Now().Add(time.Duration(max(said.ExpiresIn, 60)) * time.Second)}
	a.tokens[scope] = t
	return "Bearer " + t.value, nil
}

// matches tells whether a tag is one of those chosen; all where none are.
func matches(patterns []string, tag string) (bool, error) {
	for _, p := range patterns {
		ok, err := path.Match(p, tag)
		if err != nil {
			return false, hint.Errorf("write tags, or patterns such as '1.*'", "%q is no pattern: %w", p, err)
		}
		if ok {
			return true, nil
		}
	}
	return len(patterns) == 0, nil
}

// at says which place an error is about.
func at(p Place, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p, err)
}
