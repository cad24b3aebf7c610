package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// visitor is a browser with its cookies; it follows no redirects.
type visitor struct {
	t    *testing.T
	m    *markettest.Market
	http *http.Client
}

func browse(t *testing.T, m *markettest.Market) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, m, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is an answer as a test looks at it.
type page struct {
	*http.Response
	body string
}

func (v *visitor) do(method, path string, form url.Values, head map[string]string) page {
	v.t.Helper()
	return v.send(method, path, strings.NewReader(form.Encode()), head)
}

func (v *visitor) send(method, path string, body io.Reader, head map[string]string) page {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.m.URL+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for k, value := range head {
		r.Header.Set(k, value)
	}
	a, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return page{a, string(b)}
}

func (v *visitor) get(path string) page { v.t.Helper(); return v.do("GET", path, nil, nil) }

// post sends a form of pairs, as a page of the market does.
func (v *visitor) post(path string, pairs ...string) page {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return v.do("POST", path, form, nil)
}

// wants fails where an answer has another status, or lacks a text.
func (v *visitor) wants(p page, status int, texts ...string) page {
	v.t.Helper()
	if p.StatusCode != status {
		v.t.Fatalf("%s %s: %d, want %d: %s", p.Request.Method, p.Request.URL.Path, p.StatusCode, status, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			v.t.Errorf("%s %s says nothing of %q:\n%s", p.Request.Method, p.Request.URL.Path, text, p.body)
		}
	}
	return p
}

// cookie is what the browser would send as the session's.
func (v *visitor) cookie() string {
	u, _ := url.Parse(v.m.URL)
	for _, c := range v.http.Jar.Cookies(u) {
		if c.Name == auth.SessionCookie {
			return c.Value
		}
	}
	return ""
}

// person makes an account with the password "correct horse".
func person(t *testing.T, m *markettest.Market, name string) *catalogue.Account {
	t.Helper()
	a, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: name}, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// as is a browser in which somebody has signed in.
func as(t *testing.T, m *markettest.Market, name string) *visitor {
	t.Helper()
	v := browse(t, m)
	v.wants(v.post("/login", "name", name, "password", "correct horse"), http.StatusSeeOther)
	return v
}

func TestPeopleSignInAndOut(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	v := browse(t, m)
	v.wants(v.get("/"), 200, "Sign in")
	if to := v.wants(v.get("/settings/tokens"), http.StatusSeeOther).Header.Get("Location"); to != "/login?next=%2Fsettings%2Ftokens" {
		t.Errorf("a stranger is sent to %s", to)
	}
	p := v.wants(v.post("/login", "name", "Ada", "password", "correct horse", "next", "/settings/tokens"), http.StatusSeeOther)
	if to := p.Header.Get("Location"); to != "/settings/tokens" {
		t.Errorf("sent to %s", to)
	}
	set := p.Header.Get("Set-Cookie")
	for _, attribute := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="} {
		if !strings.Contains(set, attribute) {
			t.Errorf("the cookie lacks %s: %s", attribute, set)
		}
	}
	if strings.Contains(set, "Secure") {
		t.Error("the cookie would be lost: this market has no TLS")
	}
	if cache := v.wants(v.get("/settings/tokens"), 200, "ada").Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("a page of somebody who is signed in may be kept: %q", cache)
	}
	old := v.cookie()
	v.wants(v.post("/logout"), http.StatusSeeOther)
	v.wants(v.get("/settings/tokens"), http.StatusSeeOther)
	if v.cookie() != "" {
		t.Error("the cookie is left")
	}
	if a := v.do("GET", "/settings/tokens", nil, map[string]string{"Cookie": auth.SessionCookie + "=" + old}); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the ended session is still somebody's: %d", a.StatusCode)
	}
}

func TestCookiesAreSecureBehindTLS(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	v := browse(t, m)
	p := v.do("POST", "/login", url.Values{"name": {"ada"}, "password": {"correct horse"}}, map[string]string{"X-Forwarded-Proto": "https"})
	if set := p.Header.Get("Set-Cookie"); !strings.Contains(set, "Secure") {
		t.Errorf("the cookie is %s", set)
	}
}

func TestASessionIsNeverOneThatWasKnownBefore(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	person(t, m, "mallory")
	// A cookie that somebody else has put into the browser is not taken over, whether it is made up or his own session.
	fixed := as(t, m, "mallory").cookie()
	for _, planted := range []string{"made-up", fixed} {
		v := browse(t, m)
		u, _ := url.Parse(m.URL)
		v.http.Jar.SetCookies(u, []*http.Cookie{{Name: auth.SessionCookie, Value: planted, Path: "/"}})
		v.wants(v.post("/login", "name", "ada", "password", "correct horse"), http.StatusSeeOther)
		if v.cookie() == planted || v.cookie() == "" {
			t.Errorf("the session is the planted one, or none")
		}
		if who, err := m.Depot.Catalogue.Session(t.Context(), planted); err == nil {
			t.Errorf("the planted cookie is a session of %s", who.Name())
		}
	}
}

func TestOtherSitesCannotActForVisitors(t *testing.T) {
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Open}})
	person(t, m, "ada")
	v := as(t, m, "ada")
	for _, path := range []string{"/logout", "/login", "/signup", "/settings/profile", "/settings/tokens", "/settings/organisations"} {
		for _, head := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "", "Origin": "null"},
		} {
			p := v.do("POST", path, url.Values{"name": {"evil"}, "password": {"correct horse"}, "scope": {"admin"}, "about": {"evil"}}, head)
			v.wants(p, http.StatusForbidden, "another site")
		}
	}
	a, err := m.Depot.Catalogue.Account(t.Context(), "ada")
	if err != nil || a.About != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if tokens, err := m.Depot.Catalogue.Tokens(t.Context(), a); err != nil || len(tokens) != 0 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
	v.wants(v.get("/settings/profile"), 200)
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example", "evil", "http:evil"} {
		v := browse(t, m)
		if to := v.wants(v.post("/login", "name", "ada", "password", "correct horse", "next", next), http.StatusSeeOther).Header.Get("Location"); to != "/" {
			t.Errorf("%q leads to %q", next, to)
		}
	}
}

func TestSigningInTellsNothingOfNames(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "robot"}, ""); err != nil {
		t.Fatal(err)
	}
	var first string
	for i, name := range []string{"ada", "nobody", "robot"} {
		v := browse(t, m)
		p := v.wants(v.post("/login", "name", name, "password", "wrong"), http.StatusUnauthorized, "The name or the password is wrong.")
		body := strings.ReplaceAll(p.body, name, "NAME")
		if i == 0 {
			first = body
		} else if body != first {
			t.Errorf("the answer for %s is another:\n%s", name, body)
		}
	}
}

func TestWhoGuessesHasToWait(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	v := browse(t, m)
	for i := range 10 {
		if p := v.post("/login", "name", "ada", "password", "wrong"); p.StatusCode != http.StatusUnauthorized {
			t.Fatalf("attempt %d: %d", i, p.StatusCode)
		}
	}
	p := v.wants(v.post("/login", "name", "ADA", "password", "correct horse"), http.StatusTooManyRequests, "Too many attempts")
	if p.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for range 12 { // other names, from the same address
		v.post("/login", "name", "bob", "password", "wrong")
	}
	v.wants(v.post("/login", "name", "eve", "password", "wrong"), http.StatusTooManyRequests)
}

func TestWhoMaySignUp(t *testing.T) {
	for _, mode := range []web.SignUp{web.Open, web.Invited, web.Closed} {
		t.Run(string(mode), func(t *testing.T) {
			m := markettest.Start(t, market.Options{Web: web.Options{SignUp: mode}})
			code, err := m.Depot.Catalogue.Invite(t.Context(), catalogue.Caller{}, nil, catalogue.None, "")
			if err != nil {
				t.Fatal(err)
			}
			v := browse(t, m)
			without := v.post("/signup", "name", "ada", "password", "correct horse")
			with := v.post("/signup", "name", "bob", "password", "correct horse", "invitation", code)
			again := browse(t, m).post("/signup", "name", "eve", "password", "correct horse", "invitation", code)
			want := map[web.SignUp][3]int{web.Open: {303, 303, 400}, web.Invited: {400, 303, 400}, web.Closed: {403, 403, 403}}[mode]
			if got := [3]int{without.StatusCode, with.StatusCode, again.StatusCode}; got != want {
				t.Errorf("%v, want %v", got, want)
			}
			if mode != web.Closed {
				v.wants(v.get("/settings/profile"), 200, "bob")
			}
		})
	}
}

func TestASignUpThatIsNoGoodSaysWhy(t *testing.T) {
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Open}})
	person(t, m, "ada")
	for _, c := range [][3]string{{"ADA", "correct horse", "cannot be taken"}, {"a", "correct horse", "2 to 40 characters"}, {"admin", "correct horse", "reserved"}, {"bob", "short", "at least 8 characters"}, {"bob", "", "at least 8 characters"}} {
		v := browse(t, m)
		p := v.wants(v.post("/signup", "name", c[0], "password", c[1], "full_name", "<b>Bob"), http.StatusBadRequest, c[2], `value="&lt;b&gt;Bob"`)
		if c[1] != "" && strings.Contains(p.body, c[1]) && c[1] != "short" {
			t.Error("the page repeats the password")
		}
	}
}

func TestTokensAreShownOnceAndWork(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	a := person(t, m, "ada")
	v := as(t, m, "ada")
	p := v.wants(v.post("/settings/tokens", "name", "laptop", "scope", "write", "days", "30"), 200, "cannot be shown again", "xiaoyu login "+m.URL)
	token := regexp.MustCompile(`xy_[\w-]+`).FindString(p.body)
	who, err := m.Depot.Catalogue.Authenticate(t.Context(), token)
	if err != nil || who.Name() != "ada" || who.Scope != catalogue.Write {
		t.Fatalf("%+v, %v", who, err)
	}
	p = v.wants(v.get("/settings/tokens"), 200, "laptop")
	if strings.Contains(p.body, token) {
		t.Error("the token is shown again")
	}
	tokens, err := m.Depot.Catalogue.Tokens(t.Context(), a)
	if err != nil || len(tokens) != 1 || tokens[0].Expires.IsZero() {
		t.Fatalf("%+v, %v", tokens, err)
	}
	// A token is no way into the settings, unless it is for them.
	robot := browse(t, m)
	robot.wants(robot.do("POST", "/settings/tokens", url.Values{"scope": {"admin"}}, map[string]string{"Authorization": "Bearer " + token}), http.StatusForbidden)
	id := regexp.MustCompile(`name="revoke" value="(\d+)"`).FindStringSubmatch(p.body)[1]
	person(t, m, "bob")
	bob := as(t, m, "bob")
	bob.wants(bob.post("/settings/tokens", "revoke", id), http.StatusNotFound)
	v.wants(v.post("/settings/tokens", "revoke", id), http.StatusSeeOther)
	if _, err := m.Depot.Catalogue.Authenticate(t.Context(), token); err == nil {
		t.Error("the revoked token works")
	}
	for _, bad := range [][]string{{"scope", "all"}, {"scope", "write", "days", "-1"}, {"scope", "write", "days", "x"}} {
		v.wants(v.post("/settings/tokens", bad...), http.StatusBadRequest)
	}
}

func TestSessionsAndPasswords(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	laptop, phone := as(t, m, "ada"), as(t, m, "ada")
	p := laptop.wants(laptop.get("/settings/sessions"), 200, "this one")
	ids := regexp.MustCompile(`name="end" value="([0-9a-f]{16})"`).FindAllStringSubmatch(p.body, -1)
	if len(ids) != 1 {
		t.Fatalf("%d other sessions", len(ids))
	}
	laptop.wants(laptop.post("/settings/sessions", "end", ids[0][1]), http.StatusSeeOther)
	phone.wants(phone.get("/settings/sessions"), http.StatusSeeOther)
	laptop.wants(laptop.get("/settings/sessions"), 200)

	phone = as(t, m, "ada")
	before := laptop.cookie()
	laptop.wants(laptop.post("/settings/password", "old", "wrong", "new", "another horse"), http.StatusBadRequest, "the old password is wrong")
	laptop.wants(laptop.post("/settings/password", "old", "correct horse", "new", "short"), http.StatusBadRequest)
	laptop.wants(laptop.post("/settings/password", "old", "correct horse", "new", "another horse"), http.StatusSeeOther)
	laptop.wants(laptop.get("/settings/password"), 200)
	if laptop.cookie() == before {
		t.Error("the session is the one of before")
	}
	phone.wants(phone.get("/settings/sessions"), http.StatusSeeOther)
	phone.wants(phone.post("/login", "name", "ada", "password", "correct horse"), http.StatusUnauthorized)
	phone.wants(phone.post("/login", "name", "ada", "password", "another horse"), http.StatusSeeOther)
}

func TestProfilesAreTextAndNothingElse(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	v := as(t, m, "ada")
	stranger := browse(t, m)
	stranger.wants(stranger.get("/ada"), http.StatusNotFound) // there is nothing to show
	v.wants(v.get("/ada"), 200, "xiaoyu push")
	v.wants(v.post("/settings/profile", "full_name", "Ada L.", "about", "<script>alert(1)</script>", "link", "https://example.org/ada", "email", "ada@example.org"), http.StatusSeeOther)
	p := stranger.wants(stranger.get("/ada"), 200, "Ada L.", "&lt;script&gt;", `href="https://example.org/ada"`)
	if strings.Contains(p.body, "ada@example.org") {
		t.Error("the address is shown")
	}
	for _, bad := range [][]string{{"link", "javascript:alert(1)"}, {"link", "ftp://x"}, {"email", "a b@c"}, {"about", strings.Repeat("好", 1001)}, {"full_name", "a\nb"}} {
		v.wants(v.post("/settings/profile", bad...), http.StatusBadRequest)
	}
	stranger.wants(stranger.get("/ada"), 200, "Ada L.")
	v.wants(v.post("/settings/profile", "about", strings.Repeat("a", 100_000)), http.StatusRequestEntityTooLarge)
}

func TestPrivatePackagesAreSeenByTheirOwners(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/secret:1.0.0", hostile, true)
	v, stranger := as(t, m, "ada"), browse(t, m)
	for _, path := range []string{"/ada/secret", "/ada", "/search?q=secret"} {
		v.wants(v.get(path), 200, "ada/secret")
		if p := stranger.get(path); strings.Contains(p.body, `href="/ada/secret"`) {
			t.Errorf("a stranger sees it at %s", path)
		}
	}
}

// TestEveryTextIsInChinese looks for texts of templates and code that nobody has translated.
func TestEveryTextIsInChinese(t *testing.T) {
	dictionary, err := os.ReadFile("chinese.go")
	if err != nil {
		t.Fatal(err)
	}
	dictionary = regexp.MustCompile(`":\s+"`).ReplaceAll(dictionary, []byte(`": "`)) // gofmt puts them in columns
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	texts := regexp.MustCompile(`\.T\(?\s?"((?:[^"\\]|\\.)+)"`)
	n := 0
	for _, file := range append(files, pages...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts.FindAllStringSubmatch(string(b), -1) {
			if n++; !strings.Contains(string(dictionary), `"`+text[1]+`": "`) {
				t.Errorf("%s: %q is in no other language", file, text[1])
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d texts were found", n)
	}
}
