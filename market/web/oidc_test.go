package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// provided starts a provider of OpenID Connect that is not ours, and a market that people may sign in to by it.
func provided(t *testing.T, o web.Options) (*mockoidc.MockOIDC, *markettest.Market) {
	t.Helper()
	provider, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { provider.Shutdown() })
	if o.Provider, err = oidc.New(oidc.Options{Issuer: provider.Issuer(), ClientID: provider.ClientID, Secret: provider.ClientSecret, Name: "Example ID"}); err != nil {
		t.Fatal(err)
	}
	return provider, markettest.Start(t, market.Options{Web: o})
}

func user(subject string) *mockoidc.MockUser {
	return &mockoidc.MockUser{Subject: subject, Email: subject + "@example.org", PreferredUsername: subject}
}

// through goes to the provider, which vouches for a person, and returns the address at which it sends the browser back.
func (v *visitor) through(provider *mockoidc.MockOIDC, u *mockoidc.MockUser) string {
	v.t.Helper()
	provider.QueueUser(u)
	to := v.wants(v.get("/login/oidc?next=/settings/tokens"), http.StatusSeeOther).Header.Get("Location")
	if !strings.HasPrefix(to, provider.AuthorizationEndpoint()) || !strings.Contains(to, "code_challenge_method=S256") || !strings.Contains(to, "nonce=") {
		v.t.Fatalf("the browser is sent to %s", to)
	}
	a, err := v.http.Get(to)
	if err != nil {
		v.t.Fatal(err)
	}
	a.Body.Close()
	back := a.Header.Get("Location")
	if !strings.HasPrefix(back, v.m.URL+"/login/oidc/callback?") {
		v.t.Fatalf("the provider answers %s and sends the browser to %q", a.Status, back)
	}
	return strings.TrimPrefix(back, v.m.URL)
}

// sentBack opens an address that signs nobody in, and returns that of the page which says why.
func (v *visitor) sentBack(path, why string) (to string) {
	v.t.Helper()
	to = v.wants(v.get(path), http.StatusSeeOther).Header.Get("Location")
	if !strings.HasPrefix(to, "/login?") || !strings.Contains(to, "provider="+why) {
		v.t.Errorf("%s leads to %s, want %s", path, to, why)
	}
	if v.cookie() != "" {
		v.t.Errorf("%s has begun a session", path)
	}
	return to
}

func TestPeopleComeFromAProvider(t *testing.T) {
	provider, m := provided(t, web.Options{SignUp: web.Open})
	v := browse(t, m)
	v.wants(v.get("/login"), 200, "Sign in with Example ID")
	if to := v.wants(v.get(v.through(provider, user("ada"))), http.StatusSeeOther).Header.Get("Location"); to != "/signup" {
		t.Fatalf("a newcomer is sent to %s", to)
	}
	v.wants(v.get("/signup"), 200, `value="ada"`, "Example ID knows you")
	v.wants(v.post("/signup", "name", "ada"), http.StatusSeeOther)
	v.wants(v.get("/settings/password"), 200, "has no password yet", provider.Issuer())
	v.wants(v.post("/settings/password", "action", "unlink", "issuer", provider.Issuer(), "subject", "ada"), http.StatusBadRequest, "no way left")
	// He comes again, in another browser.
	v = browse(t, m)
	back := v.through(provider, user("ada"))
	if to := v.wants(v.get(back), http.StatusSeeOther).Header.Get("Location"); to != "/settings/tokens" {
		t.Errorf("sent to %s", to)
	}
	v.wants(v.get("/settings/profile"), 200, "ada")
	// An answer counts once.
	v.post("/logout")
	v.sentBack(back, "late")
	// Nobody has a session by being at /signup without the provider's word.
	stranger := browse(t, m)
	stranger.wants(stranger.post("/signup", "name", "eve"), http.StatusBadRequest)
}

func TestAnswersOfProvidersAreForWhoHasAsked(t *testing.T) {
	provider, m := provided(t, web.Options{SignUp: web.Open})
	victim, mallory := browse(t, m), browse(t, m)
	// Mallory's answer in the victim's browser, which has asked for nothing, or for something else.
	back := mallory.through(provider, user("mallory"))
	victim.sentBack(back, "late")
	back = mallory.through(provider, user("mallory"))
	victim.through(provider, user("ada"))
	victim.sentBack(back, "stale")
	// The victim's code with another state.
	own, err := url.Parse(victim.through(provider, user("ada")))
	if err != nil {
		t.Fatal(err)
	}
	q := own.Query()
	q.Set("state", "made-up")
	victim.sentBack(own.Path+"?"+q.Encode(), "stale")
	victim.sentBack("/login/oidc/callback", "late")
	for code, why := range map[string]string{"access_denied": "cancelled", "server_error": "refused"} {
		own, err := url.Parse(victim.through(provider, user("ada")))
		if err != nil {
			t.Fatal(err)
		}
		victim.sentBack(own.Path+"?"+url.Values{"error": {code}, "state": own.Query()["state"]}.Encode(), why)
	}
	victim.through(provider, user("ada"))
	victim.sentBack("/login/oidc/callback?error=access_denied", "stale") // somebody else's, without the state
}

func TestAnAccountIsLinkedToAProvider(t *testing.T) {
	provider, m := provided(t, web.Options{})
	person(t, m, "ada")
	person(t, m, "bob")
	v := as(t, m, "ada")
	v.wants(v.get(v.through(provider, user("lovelace"))), http.StatusSeeOther)
	v.wants(v.get("/settings/password?done"), 200, provider.Issuer(), "lovelace")
	other := browse(t, m)
	other.wants(other.get(other.through(provider, user("lovelace"))), http.StatusSeeOther)
	other.wants(other.get("/settings/profile"), 200, "ada")
	bob := as(t, m, "bob")
	if to := bob.wants(bob.get(bob.through(provider, user("lovelace"))), http.StatusSeeOther).Header.Get("Location"); to != "/settings/password?taken" {
		t.Errorf("somebody else's identity leads to %s", to)
	}
	v.wants(v.post("/settings/password", "action", "unlink", "issuer", provider.Issuer(), "subject", "lovelace"), http.StatusSeeOther)
	if _, err := m.Depot.Catalogue.Identified(t.Context(), catalogue.Identity{Issuer: provider.Issuer(), Subject: "lovelace"}); err == nil {
		t.Error("it is linked still")
	}
}

func TestWhomAProviderKnowsMaySignUpIfSoSet(t *testing.T) {
	for _, c := range []struct {
		o    web.Options
		want int
	}{{web.Options{}, http.StatusBadRequest}, {web.Options{Vouches: true}, http.StatusSeeOther}, {web.Options{SignUp: web.Closed}, http.StatusForbidden}, {web.Options{SignUp: web.Closed, Vouches: true}, http.StatusSeeOther}} {
		provider, m := provided(t, c.o)
		v := browse(t, m)
		v.wants(v.get(v.through(provider, user("ada"))), http.StatusSeeOther)
		v.wants(v.post("/signup", "name", "ada"), c.want)
	}
}

func TestATokenThatHasExpiredIsNoSignIn(t *testing.T) {
	provider, m := provided(t, web.Options{SignUp: web.Open})
	provider.AccessTTL = -time.Hour
	v := browse(t, m)
	v.wants(v.get(v.sentBack(v.through(provider, user("ada")), "refused")), 200, "Example ID has not said who you are", `name="next" value="/settings/tokens"`)
}

func TestAProviderThatIsAwayIsSaid(t *testing.T) {
	provider, m := provided(t, web.Options{})
	person(t, m, "ada")
	v, ada := browse(t, m), as(t, m, "ada")
	back := v.through(provider, user("bob"))
	if err := provider.Shutdown(); err != nil {
		t.Fatal(err)
	}
	v.wants(v.get(v.sentBack(back, "away")), 200, "Nobody can sign in by Example ID at the moment")
	// Who wants to link an account is led to where that began.
	to := ada.wants(ada.get("/login/oidc/callback"), http.StatusSeeOther).Header.Get("Location")
	ada.wants(ada.get(to), 200, "Signing in took too long", "Other ways to sign in")
	// So is who has not left the market yet.
	other, err := oidc.New(oidc.Options{Issuer: provider.Issuer(), ClientID: "market", Name: "Example ID"})
	if err != nil {
		t.Fatal(err)
	}
	v = browse(t, markettest.Start(t, market.Options{Web: web.Options{Provider: other}}))
	v.sentBack("/login/oidc", "away")
}
