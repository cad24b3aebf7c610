package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/smtptest"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/mail"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

var confirmLink = regexp.MustCompile(`https://market\.example\.org/settings/mailbox\?code=([A-Za-z0-9_-]{40,})`)

// TestARatingCountsOnceItsMailboxIsConfirmed goes the way from a rating that is held, by a mail, to one that counts; a second
// account of the same mailbox does not get there.
func TestARatingCountsOnceItsMailboxIsConfirmed(t *testing.T) {
	server := smtptest.Start(t, "")
	mailer, err := mail.New(mail.Options{Server: "smtp://" + server.Address, From: "market@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1, Mailbox: true}, Web: web.Options{Mailer: mailer, URL: "https://market.example.org"}})
	for _, name := range []string{"ada", "bob", "bob2"} {
		person(t, m, name)
	}
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	bob, second, stranger := as(t, m, "bob"), as(t, m, "bob2"), browse(t, m)
	for name, v := range map[string]*visitor{"bob": bob, "bob2": second} {
		pull(t, m, "ada/one:1.0.0", name)
		v.wants(v.post("/ada/one/rate", "stars", "5", "version", "1.0.0"), http.StatusSeeOther)
		v.wants(v.get("/ada/one/reviews?lang=zh"), 200, "确认电子邮箱后显示")
		v.wants(v.get("/ada/one/reviews?lang=en"), 200, "shown once you have confirmed your mail address", `href="/settings/profile"`)
	}
	stranger.wants(stranger.get("/ada/one"), 200, "Nobody has rated it yet.")

	// Without an address there is nothing to send to.
	bob.wants(bob.post("/settings/mailbox"), http.StatusSeeOther)
	bob.wants(bob.post("/settings/profile", "email", "Bob@example.org"), http.StatusSeeOther)
	second.wants(second.post("/settings/profile", "email", "bob+2@example.org"), http.StatusSeeOther)
	bob.wants(bob.get("/settings/profile?lang=en"), 200, "Confirm that this mailbox is yours", `action="/settings/mailbox"`)
	bob.wants(bob.do("POST", "/settings/mailbox", nil, map[string]string{"Sec-Fetch-Site": "cross-site"}), http.StatusForbidden)
	link := func(v *visitor, to string) string {
		t.Helper()
		// The address of the link is the market's own, whatever a request says of its host.
		p := v.wants(v.do("POST", "/settings/mailbox", url.Values{}, map[string]string{"X-Forwarded-Host": "evil.example.org"}), http.StatusSeeOther)
		v.wants(v.get(p.Header.Get("Location")), 200, "A link is on its way to", strings.ReplaceAll(to, "+", "&#43;"))
		sent := server.Wait(t)
		found := confirmLink.FindStringSubmatch(sent.Text)
		if sent.To != to || found == nil {
			t.Fatalf("%+v", sent)
		}
		return found[1]
	}
	of, ofSecond := link(bob, "Bob@example.org"), link(second, "bob+2@example.org")
	if to := stranger.wants(stranger.get("/settings/mailbox?code="+of), http.StatusSeeOther).Header.Get("Location"); to != "/login?next="+url.QueryEscape("/settings/mailbox?code="+of) {
		t.Errorf("a stranger is led to %s", to)
	}
	second.wants(second.post("/settings/mailbox", "code", of), http.StatusBadRequest, "not valid, or no longer")
	bob.wants(bob.get("/settings/mailbox?code="+of), 200, "Is this mailbox yours", "<b>bob</b>") // to look confirms nothing
	bob.wants(bob.do("POST", "/settings/mailbox", url.Values{"code": {of}}, map[string]string{"Sec-Fetch-Site": "cross-site"}), http.StatusForbidden)
	stranger.wants(stranger.get("/ada/one"), 200, "Nobody has rated it yet.")
	p := bob.wants(bob.post("/settings/mailbox", "code", of), http.StatusSeeOther)
	bob.wants(bob.get(p.Header.Get("Location")), 200, "It is confirmed that this mailbox is yours", "Bob@example.org")
	bob.wants(bob.post("/settings/mailbox", "code", of), http.StatusBadRequest, "not valid, or no longer")
	stranger.wants(stranger.get("/ada/one"), 200, `</span> 5.0</a> (1)`)
	second.wants(second.post("/settings/mailbox", "code", ofSecond), http.StatusBadRequest, "This mailbox has confirmed another account")
	stranger.wants(stranger.get("/ada/one"), 200, `</span> 5.0</a> (1)`)
	// A mailbox is not filled.
	for range 3 {
		p = second.post("/settings/mailbox")
	}
	if p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth mail: %d", p.StatusCode)
	}
}
