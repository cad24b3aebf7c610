package browser

import (
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// providerPage is what mockoidc lacks: a page to sign in on. Its buttons sign in, refuse to, or have something go wrong.
var providerPage = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><title>Example ID</title><link rel="icon" href="data:,"><form>
{{range $name, $values := .}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
<input name="user"><button name="do" value="sign-in">Sign in</button><button name="do" value="cancel">Cancel</button>
<button name="do" value="state">Another state</button><button name="do" value="nonce">Another nonce</button><button name="do" value="code">An old code</button></form>`))

// providing starts a provider of OpenID Connect that is not ours, on another site than the market: 127.0.0.1, and not localhost.
func providing(t *testing.T) (*mockoidc.MockOIDC, *oidc.Provider) {
	t.Helper()
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = m.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			switch q.Get("do") {
			case "":
				if r.URL.Path == mockoidc.AuthorizationEndpoint {
					if err := providerPage.Execute(w, q); err != nil {
						t.Error(err)
					}
					return
				}
			case "cancel": // as RFC 6749 has it, section 4.1.2.1
				http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"error": {"access_denied"}, "state": q["state"]}.Encode(), http.StatusFound)
				return
			case "code":
				m.QueueCode("old")
				defer func() { m.SessionStore.Store["old"].Granted = true }()
			case "state", "nonce":
				q.Set(q.Get("do"), "another")
				r.URL.RawQuery = q.Encode()
			}
			if name := q.Get("user"); name != "" {
				m.QueueUser(&mockoidc.MockUser{Subject: "subject of " + name, PreferredUsername: name, Email: name + "@example.org"})
			}
			next.ServeHTTP(w, r)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = m.Start(l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Shutdown() })
	p, err := oidc.New(oidc.Options{Issuer: m.Issuer(), ClientID: m.ClientID, Secret: m.ClientSecret, Name: "Example ID"})
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// atProvider follows the button of a page, and does something at the provider as a user.
func atProvider(name, do, next string) chromedp.Action {
	return chromedp.Tasks{click(`main a[href^="/login/oidc"]`, `[name=user]`), chromedp.SetValue(`[name=user]`, name, chromedp.ByQuery), click(`button[value=`+do+`]`, next)}
}

// TestSigningInByAProvider goes to a provider of OpenID Connect and comes back: for the first time, once more, with what can
// go wrong there, and to link an account that is there already.
func TestSigningInByAProvider(t *testing.T) {
	mock, provider := providing(t)
	v := visits(t, market.Options{Web: web.Options{SignUp: web.Open, Provider: provider}}, "400") // for a name that is taken
	v.URL = strings.Replace(v.URL, "127.0.0.1", "localhost", 1)
	bob := v.account(catalogue.Account{Name: "bob", Email: "bob@example.org"})
	signedOut := chromedp.Tasks{submit("/logout", `header a[href="/login"]`)}
	var proposed, first, at, second, warning string

	v.run(view(360, "light"), v.open("/login?lang=en&next=/settings/tokens", `main [name=password]`), picture(t, "oidc-login-light-360"),
		atProvider("ada", "sign-in", `main [name=full_name]`), chromedp.Value(`main [name=name]`, &proposed, chromedp.ByQuery), picture(t, "oidc-newcomer-light-360"),
		submit("/signup", `main [name=scope]`), text(`.menu summary`, &first), signedOut,
		v.open("/login?next=/settings/tokens", `main [name=password]`), atProvider("ada", "sign-in", `main [name=scope]`), text(`.menu summary`, &second), chromedp.Location(&at), signedOut)
	if proposed != "ada" || first != "ada" || second != "ada" || at != v.URL+"/settings/tokens" {
		t.Errorf("%q was proposed, %q has signed in, then %q, who has come to %s", proposed, first, second, at)
	}

	// Nobody is signed in by what went wrong, and the page says what did, in the language of the visitor, and leads on as before.
	for do, want := range map[string][2]string{"cancel": {"was cancelled at Example ID", "在 Example ID 取消了登录"}, "state": {"another attempt", "另一次登录"}, "nonce": {"another attempt", "另一次登录"}, "code": {"has expired", "已过期"}} {
		for i, lang := range []string{"en", "zh"} {
			var next string
			var menus int
			v.run(v.open("/login?next=/settings/tokens&lang="+lang, `main [name=password]`), atProvider("ada", do, `.warning`), text(`.warning`, &warning), picture(t, "oidc-"+do+"-"+lang+"-360"),
				chromedp.Value(`main [name=next]`, &next, chromedp.ByQuery), chromedp.Evaluate(`document.querySelectorAll(".menu").length`, &menus), chromedp.Location(&at))
			if !strings.Contains(warning, want[i]) || next != "/settings/tokens" || menus != 0 || strings.Contains(at, "code=") {
				t.Errorf("%s: the page at %s says %q, leads on to %s, with %d menus", do, at, warning, next, menus)
			}
		}
	}
	v.run(atProvider("ada", "sign-in", `main [name=scope]`), signedOut) // from the page that has said so

	// That the provider calls somebody by a name, or knows an address, does not make an account his.
	v.run(v.open("/login?lang=zh", `main [name=password]`), atProvider("bob", "sign-in", `main [name=full_name]`), picture(t, "oidc-newcomer-zh-360"),
		submit("/signup", `.warning`), text(`.warning`, &warning), picture(t, "oidc-taken-zh-360"))
	if list, err := v.Depot.Catalogue.Identities(t.Context(), bob); err != nil || len(list) != 0 || !strings.Contains(warning, "名称") {
		t.Errorf("%v is linked to an account of the same name, %v; the page says %q", list, err, warning)
	}
	// Who has its password links it, unless the identity is another's, and is signed in by both from then on.
	var issuer string
	v.run(v.signIn("bob"), v.open("/settings/password", `main [name=old]`), picture(t, "oidc-settings-zh-360"), atProvider("ada", "sign-in", `.warning`), text(`.warning`, &warning), picture(t, "oidc-linked-elsewhere-zh-360"),
		atProvider("bob", "cancel", `.warning`), picture(t, "oidc-settings-cancelled-zh-360"), atProvider("bob", "sign-in", `.done`), text(`main .rows td`, &issuer), picture(t, "oidc-linked-zh-360"), signedOut,
		v.open("/login", `main [name=password]`), atProvider("bob", "sign-in", `.menu summary`), text(`.menu summary`, &second))
	if !strings.Contains(warning, "另一个账号") || !strings.HasPrefix(issuer, mock.Issuer()) || second != "bob" {
		t.Errorf("ada's identity for bob: %q; linked: %q; %q has signed in", warning, issuer, second)
	}
}
