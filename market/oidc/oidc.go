// Package oidc lets people sign in by a provider of OpenID Connect (https://openid.net/specs/openid-connect-core-1_0.html):
// the authorization code flow, with PKCE (RFC 7636), state and nonce.
//
//	p, err := oidc.New(oidc.Options{Issuer: "https://id.example.org", ClientID: "market", Secret: secret})
//	to, attempt, err := p.Begin(ctx, redirect)     // send the browser to `to`, and keep the attempt
//	who, err := p.Finish(ctx, attempt, redirect, r.URL.Query())
//
// It knows that flow alone: no other grants, no refreshing of tokens, no sessions. Who somebody is here is the caller's to say.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ErrRefused is the cause where a provider has not said who somebody is, or what it has said cannot be believed. It is
// ErrCancelled as well where somebody did not want to, or was not allowed to, and ErrStale where the answer is another
// attempt's, or was given too late or twice.
var (
	ErrRefused   = errors.New("the provider has not vouched for anybody")
	ErrCancelled = fmt.Errorf("%w: access was denied there", ErrRefused)
	ErrStale     = fmt.Errorf("%w: what it answers is not for this attempt, or no longer", ErrRefused)
)

// Options are a provider's.
type Options struct {
	Issuer   string // address, as the provider's discovery document has it
	ClientID string
	Secret   string // "" for a client without one
	Name     string // what people call it; the issuer's host if ""
}

// Provider is one that people can sign in by. Its methods may be called from several goroutines.
type Provider struct {
	options Options
	http    *http.Client
	now     func() time.Time

	mu      sync.Mutex
	doc     *document
	keys    []key
	fetched time.Time // when the keys were
}

// document is what the provider says of itself (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata).
type document struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// New returns a provider, which is asked only once somebody wants to sign in.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || !secure(u) {
		return nil, hint.Errorf("write it as the provider does, as in https://id.example.org; without TLS it must be on this machine", "the issuer %q is no address that can be trusted", o.Issuer)
	}
	if o.ClientID == "" {
		return nil, hint.Errorf("register the market with the provider, which gives it one", "the market has no client id at %s", o.Issuer)
	}
	if o.Name == "" {
		o.Name = u.Host
	}
	return &Provider{options: o, http: &http.Client{Timeout: 10 * time.Second}, now: time.Now}, nil
}

// secure tells an address that nobody between can pretend to be.
func secure(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Name is what people call the provider.
func (p *Provider) Name() string { return p.options.Name }

// Attempt is what must be kept, where nobody but the market can write it, between Begin and Finish.
type Attempt struct {
	State, Nonce, Verifier string
}

// Person is who the provider says that somebody is. Issuer and Subject together never change; the rest is a proposal.
type Person struct {
	Issuer, Subject       string
	Username, Name, Email string
}

// Begin returns where a browser has to go; the provider will send it to redirect.
func (p *Provider) Begin(ctx context.Context, redirect string) (to string, a Attempt, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", Attempt{}, err
	}
	a = Attempt{State: random(), Nonce: random(), Verifier: random()}
	u, err := url.Parse(d.Authorization)
	if err != nil {
		return "", Attempt{}, fmt.Errorf("the provider's authorization endpoint: %w", err)
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	q := u.Query()
	for name, value := range map[string]string{"response_type": "code", "client_id": p.options.ClientID, "redirect_uri": redirect, "scope": "openid profile email", "state": a.State, "nonce": a.Nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256"} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), a, nil
}

// random is 256 bits as text.
func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Finish tells who has come back from the provider with an answer; ErrRefused.
func (p *Provider) Finish(ctx context.Context, a Attempt, redirect string, answer url.Values) (*Person, error) {
	refuse := func(why error, format string, args ...any) error {
		return hint.Errorf("sign in again", "%w: %s", why, fmt.Sprintf(format, args...))
	}
	if a.State == "" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return nil, refuse(ErrStale, "its state is another one")
	}
	switch code := answer.Get("error"); code { // RFC 6749, section 4.1.2.1
	case "":
	case "access_denied":
		return nil, refuse(ErrCancelled, "%.80q", code)
	default:
		return nil, refuse(ErrRefused, "%.80q", code)
	}
	if iss := answer.Get("iss"); iss != "" && iss != p.options.Issuer { // RFC 9207
		return nil, refuse(ErrRefused, "the answer is of %.200q", iss)
	}
	token, err := p.exchange(ctx, a, redirect, answer.Get("code"))
	if err != nil {
		return nil, err
	}
	c, err := p.verify(ctx, token)
	if err != nil {
		return nil, hint.Wrap(ErrRefused, "sign in again; tell who runs this market if that does not help", "the token of %s: %v", p.options.Name, err)
	}
	if subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(a.Nonce)) != 1 {
		return nil, refuse(ErrStale, "the nonce of its token is another one")
	}
	return &Person{Issuer: c.Issuer, Subject: c.Subject, Username: c.Username, Name: c.Name, Email: c.Email}, nil
}

// exchange gives the code for a token that says who somebody is.
func (p *Provider) exchange(ctx context.Context, a Attempt, redirect, code string) (idToken string, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {a.Verifier}}
	basic := p.options.Secret != "" && (len(d.AuthMethods) == 0 || slices.Contains(d.AuthMethods, "client_secret_basic"))
	token, status, err := p.send(ctx, d.Token, form, basic)
	if err == nil && basic && (status == http.StatusBadRequest || status == http.StatusUnauthorized) && slices.Contains(d.AuthMethods, "client_secret_post") {
		token, status, err = p.send(ctx, d.Token, form, false) // some say that they take both and do not
	}
	if err != nil {
		return "", err
	}
	if token.Error == "invalid_grant" { // RFC 6749, section 5.2
		return "", hint.Errorf("sign in again", "%w: it answers %d %q to the code", ErrStale, status, token.Error)
	}
	if status != http.StatusOK || token.ID == "" {
		return "", hint.Errorf("sign in again; tell who runs this market if that does not help", "%w: it answers %d %.80q", ErrRefused, status, token.Error)
	}
	return token.ID, nil
}

// answer is what the token endpoint says.
type answer struct {
	ID    string `json:"id_token"`
	Error string `json:"error"`
}

// send asks the token endpoint, with the client's secret in a header (basic) or in the form.
func (p *Provider) send(ctx context.Context, to string, form url.Values, basic bool) (token answer, status int, err error) {
	if !basic {
		form.Set("client_id", p.options.ClientID)
		if p.options.Secret != "" {
			form.Set("client_secret", p.options.Secret)
		}
	}
	r, err := http.NewRequestWithContext(ctx, "POST", to, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(p.options.ClientID), url.QueryEscape(p.options.Secret)) // RFC 6749, section 2.3.1
	}
	status, err = p.ask(r, &token)
	return token, status, err
}

// discover returns the provider's document, which is fetched once.
func (p *Provider) discover(ctx context.Context) (*document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doc != nil {
		return p.doc, nil
	}
	var d document
	err := p.fetch(ctx, strings.TrimSuffix(p.options.Issuer, "/")+"/.well-known/openid-configuration", &d)
	if err != nil {
		return nil, err
	}
	if d.Issuer != p.options.Issuer {
		return nil, hint.Errorf("write --oidc-issuer as the provider does", "the provider at %s calls itself %.200q", p.options.Issuer, d.Issuer)
	}
	for _, address := range []string{d.Authorization, d.Token, d.Keys} {
		if u, err := url.Parse(address); err != nil || !secure(u) {
			return nil, hint.Errorf("ask who runs it", "the provider %s names the address %.200q, which cannot be trusted", p.options.Issuer, address)
		}
	}
	p.doc = &d
	return p.doc, nil
}

// fetch reads JSON of the provider.
func (p *Provider) fetch(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return err
	}
	status, err := p.ask(r, into)
	if err == nil && status != http.StatusOK {
		err = hint.Errorf("check --oidc-issuer, and try again", "the provider answers %d at %s", status, address)
	}
	return err
}

func (p *Provider) ask(r *http.Request, into any) (status int, err error) {
	r.Header.Set("Accept", "application/json")
	a, err := p.http.Do(r)
	if err != nil {
		return 0, hint.Wrap(err, "try again later", "asking the provider")
	}
	defer a.Body.Close()
	if err := json.NewDecoder(io.LimitReader(a.Body, 1<<20)).Decode(into); err != nil && a.StatusCode == http.StatusOK {
		return 0, hint.Wrap(err, "check --oidc-issuer", "reading the answer of %s", r.URL.Host)
	}
	return a.StatusCode, nil
}
