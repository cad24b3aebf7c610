package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/smtptest"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/mail"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// TestWhoHasForgottenThePasswordGetsALinkByMail goes the way from the sign-in page by a mail to another password.
func TestWhoHasForgottenThePasswordGetsALinkByMail(t *testing.T) {
	server := smtptest.Start(t, "")
	mailer, err := mail.New(mail.Options{Server: "smtp://" + server.Address, From: "market@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	m := markettest.Start(t, market.Options{Web: web.Options{Mailer: mailer, URL: "https://market.example.org"}})
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "ada", Email: "Ada@example.org"}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	person(t, m, "bob") // whose address the market does not know
	signedIn, v := as(t, m, "ada"), browse(t, m)
	v.wants(v.get("/login"), 200, `href="/password"`)
	v.wants(v.get("/password"), 200, "Name or e-mail address")
	var said []string
	for _, name := range []string{"nobody", "bob", "ada@example.org"} {
		// The address of the link is the market's own, whatever a request says of its host.
		p := v.wants(v.do("POST", "/password", url.Values{"name": {name}}, map[string]string{"X-Forwarded-Host": "evil.example.org"}), 200, "a link is on its way")
		said = append(said, p.body)
	}
	if said[0] != said[1] || said[1] != said[2] {
		t.Error("the answer tells who has an account")
	}
	sent := server.Wait(t)
	link := regexp.MustCompile(`https://market\.example\.org(/password/[A-Za-z0-9_-]{40,})`).FindStringSubmatch(sent.Text)
	if sent.To != "Ada@example.org" || !strings.Contains(sent.Text, "account ada") || link == nil {
		t.Fatalf("%+v", sent)
	}
	if p := v.wants(v.get(link[1]), 200, `value="ada"`, "New password"); p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("the page may be kept, or told of: %v", p.Header)
	}
	v.wants(v.post(link[1], "password", "short"), http.StatusBadRequest, "at least 8 characters")
	v.wants(v.do("POST", link[1], url.Values{"password": {"another horse"}}, map[string]string{"Sec-Fetch-Site": "cross-site"}), http.StatusForbidden)
	v.wants(v.post(link[1], "password", "another horse"), http.StatusSeeOther)
	v.wants(v.get("/login?changed"), 200, "Your password is changed")
	v.wants(v.post(link[1], "password", "third horse"), http.StatusNotFound, "not valid, or no longer")
	v.wants(v.get("/password/"+strings.Repeat("x", 43)), http.StatusNotFound, "not valid, or no longer")
	if p := signedIn.get("/settings/profile"); p.StatusCode != http.StatusSeeOther {
		t.Errorf("a session of before the change: %d", p.StatusCode)
	}
	v.wants(v.post("/login", "name", "ada", "password", "correct horse"), http.StatusUnauthorized)
	v.wants(v.post("/login", "name", "ada", "password", "another horse"), http.StatusSeeOther)
	// A mailbox is not filled, and a client asks no more than so often.
	for range 2 {
		v.wants(v.post("/password", "name", "ada"), 200)
		server.Wait(t)
	}
	if p := v.post("/password", "name", "ada"); p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Errorf("a sixth request: %d", p.StatusCode)
	}
	time.Sleep(100 * time.Millisecond)
	if n := len(server.Mails()); n != 3 {
		t.Errorf("%d mails were sent", n)
	}
}

// TestWithoutMailWhoRunsTheMarketMakesTheLink shows the page where there is no mail, and uses such a link.
func TestWithoutMailWhoRunsTheMarketMakesTheLink(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	a, v := person(t, m, "ada"), browse(t, m)
	v.wants(v.get("/password"), 200, "Ask who runs this market")
	if p := v.post("/password", "name", "ada"); p.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("mail is asked for: %d", p.StatusCode)
	}
	code, err := m.Depot.Catalogue.CreateReset(t.Context(), "", a, catalogue.MadeResetLasts)
	if err != nil {
		t.Fatal(err)
	}
	v.wants(v.do("GET", "/password/"+code, nil, map[string]string{"Accept-Language": "zh"}), 200, "设置新密码")
	v.wants(v.post("/password/"+code, "password", "another horse"), http.StatusSeeOther)
	v.wants(v.post("/login", "name", "ada", "password", "another horse"), http.StatusSeeOther)
}
