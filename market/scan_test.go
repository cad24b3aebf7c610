package market_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// behindTLS sends requests as a proxy with TLS before a market does.
type behindTLS struct{}

func (behindTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-Proto", "https")
	return http.DefaultTransport.RoundTrip(r)
}

// passive are the rules that ZAP's baseline scan looks at answers by (https://www.zaproxy.org/docs/alerts/), by their
// numbers: all those of medium weight or above that could be broken here, and those of low weight that the market holds too.
// Each returns what is wrong with a page, "" for nothing.
var passive = map[string]func(*markettest.Page) string{
	"10020 anti-clickjacking":   onPages(func(p *markettest.Page) string { return lacks(policy(p)["frame-ancestors"], "'none'") }),
	"10038 content policy":      onPages(func(p *markettest.Page) string { return lacks(policy(p)["default-src"], "'none'") }),
	"10055 weak content policy": weakPolicy,
	"10021 nosniff":             func(p *markettest.Page) string { return lacks(p.Head.Get("X-Content-Type-Options"), "nosniff") },
	"10063 permissions policy":  onPages(func(p *markettest.Page) string { return lacks(p.Head.Get("Permissions-Policy"), "camera=()") }),
	"90004 isolation of the site": onPages(func(p *markettest.Page) string {
		return lacks(p.Head.Get("Cross-Origin-Opener-Policy")+p.Head.Get("Cross-Origin-Resource-Policy"), "same-originsame-origin")
	}),
	"10019 type of content": func(p *markettest.Page) string { return lacks(p.Head.Get("Content-Type"), "/") },
	"90011 charset": onPages(func(p *markettest.Page) string {
		return lacks(strings.ToLower(p.Head.Get("Content-Type")), "charset=utf-8")
	}),
	"10010 10011 10054 cookies": looseCookies,
	"10036 10037 10039 10061 10052 10056 headers that tell of the server": telling,
	"10040 10041 10042 mixed content":                                     mixed,
	"10017 90003 10115 scripts and styles of other sites":                 strangeSources,
	"10098 any origin may read":                                           func(p *markettest.Page) string { return p.Head.Get("Access-Control-Allow-Origin") },
	"10108 reverse tabnabbing":                                            tabnabbing,
	"10105 passwords in the clear": func(p *markettest.Page) string {
		return inTheClear.FindString(p.Head.Get("WWW-Authenticate"))
	},
	"3 10024 secrets in addresses":   secretsInAddresses,
	"10023 90022 errors of programs": found(`goroutine \d+ \[|runtime error|panic:|\.go:\d+|SQLITE_|SQLSTATE|(?i:sql: )|pgx\.|stack trace`),
	"10099 source code":              found(`(?m)^package [a-z]+$|\{\{(template|define|range|with|if) `),
	"10033 lists of folders":         onPages(found(`(?i)<title>(index of|directory listing)|^<pre>\s*<a href`)),
	"10110 dangerous functions of JavaScript": func(p *markettest.Page) string {
		if !strings.HasSuffix(p.Path, ".js") {
			return ""
		}
		return dangerous(p)
	},
	"10003 libraries of JavaScript":           libraries,
	"10026 parameters that an address brings": formsWithoutAction,
	"10032 90001 states of views":             viewStates,
	"10062 numbers of cards":                  cardNumbers,
	"90002 serialised objects of Java":        serialised,
	"2 addresses of inner networks":           found(`\b(10\.\d{1,3}|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b`),
}

func onPages(rule func(*markettest.Page) string) func(*markettest.Page) string {
	return func(p *markettest.Page) string {
		if p.HTML == nil {
			return ""
		}
		return rule(p)
	}
}

// lacks complains of a header that does not have a part.
func lacks(header, part string) string {
	if strings.Contains(header, part) {
		return ""
	}
	return fmt.Sprintf("%q lacks %s", header, part)
}

// found complains of a page in whose content a pattern is.
func found(pattern string) func(*markettest.Page) string {
	expression := regexp.MustCompile(pattern)
	return func(p *markettest.Page) string { return string(expression.Find(p.Body)) }
}

var (
	inTheClear = regexp.MustCompile(`(?i)\b(basic|digest)\b`) // ways to log in
	dangerous  = found(`\beval\(|document\.write|\.innerHTML|outerHTML|insertAdjacentHTML|new Function\(|setTimeout\(\s*["'` + "`" + `]`)
	secret     = regexp.MustCompile(`(?i)[?&;](session|sid|jsessionid|token|password|secret)=|xy_[A-Za-z0-9]{20}`)
)

// policy is the content security policy of a page, by directive.
func policy(p *markettest.Page) map[string]string {
	out := map[string]string{}
	for d := range strings.SplitSeq(p.Head.Get("Content-Security-Policy"), ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(d), " ")
		out[name] = sources
	}
	return out
}

// weakPolicy complains of policies that let anything run, or forget what default-src does not speak of.
func weakPolicy(p *markettest.Page) string {
	if p.Head.Get("Content-Security-Policy") == "" {
		return ""
	}
	directives := policy(p)
	for name, sources := range directives {
		for s := range strings.FieldsSeq(sources) {
			if strings.HasPrefix(s, "'unsafe") || strings.Contains(s, "*") || strings.HasPrefix(s, "http:") || s == "data:" || s == "https:" {
				return name + " " + s
			}
		}
	}
	for _, name := range []string{"default-src", "form-action", "frame-ancestors", "base-uri"} {
		if _, there := directives[name]; !there {
			return "there is no " + name
		}
	}
	return ""
}

func looseCookies(p *markettest.Page) string {
	var set []*http.Cookie
	for _, r := range p.Redirects {
		set = append(set, r.Cookies()...)
	}
	for _, c := range append(set, (&http.Response{Header: p.Head}).Cookies()...) {
		if !c.HttpOnly || !c.Secure || c.SameSite == http.SameSiteDefaultMode || c.SameSite == http.SameSiteNoneMode || c.Domain != "" {
			return c.String()
		}
	}
	return ""
}

func telling(p *markettest.Page) string {
	for _, name := range []string{"Server", "X-Powered-By", "X-Backend-Server", "X-AspNet-Version", "X-ChromeLogger-Data", "X-ChromePhp-Data", "X-Debug-Token", "X-Debug-Token-Link", "Via"} {
		if v := p.Head.Get(name); v != "" {
			return name + ": " + v
		}
	}
	return ""
}

// each looks at the elements of a page.
func each(p *markettest.Page, look func(*html.Node) string) string {
	if p.HTML == nil {
		return ""
	}
	for n := range p.HTML.Descendants() {
		if n.Type == html.ElementNode {
			if wrong := look(n); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// mixed complains of what a page that came by TLS loads, or sends, without it.
func mixed(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		for _, key := range []string{"src", "srcset", "action", "formaction", "poster", "data"} {
			if v := markettest.Attribute(n, key); strings.HasPrefix(v, "http:") {
				return n.Data + " " + v
			}
		}
		if v := markettest.Attribute(n, "href"); n.Data == "link" && strings.HasPrefix(v, "http:") {
			return "link " + v
		}
		return ""
	})
}

func strangeSources(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		from := markettest.Attribute(n, "src")
		if n.Data == "link" && strings.Contains(markettest.Attribute(n, "rel"), "stylesheet") {
			from = markettest.Attribute(n, "href")
		}
		if n.Data != "script" && n.Data != "link" && n.Data != "iframe" {
			return ""
		}
		if n.Data == "script" && from == "" {
			return "a script within the page"
		}
		if strings.Contains(from, "//") {
			return from
		}
		return ""
	})
}

func tabnabbing(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		rel := markettest.Attribute(n, "rel")
		if n.Data == "a" && markettest.Attribute(n, "target") != "" && !strings.Contains(rel, "noopener") && !strings.Contains(rel, "noreferrer") {
			return markettest.Attribute(n, "href")
		}
		return ""
	})
}

// libraries complains of scripts that are not the market's own: which of others are vulnerable changes by the day, and there are
// none.
func libraries(p *markettest.Page) string {
	if strings.HasSuffix(p.Path, ".js") {
		return banner(p)
	}
	return each(p, func(n *html.Node) string {
		if from := markettest.Attribute(n, "src"); n.Data == "script" && (!strings.HasPrefix(from, "/-/") || versioned.MatchString(from)) {
			return from
		}
		return ""
	})
}

var (
	banner     = found(`(?i)@(license|version|preserve)\b|/\*!|\b(jquery|angular|bootstrap|lodash|underscore|react|vue|moment|handlebars|dompurify|htmx)\b[^\n]{0,20}\bv?\d+\.\d+`)
	versioned  = regexp.MustCompile(`\d+\.\d+`)
	viewState  = regexp.MustCompile(`(?i)^(__viewstate|javax\.faces\.viewstate|jakarta\.faces\.viewstate|com\.sun\.faces)`)
	cardNumber = regexp.MustCompile(`\b(4\d{12}(\d{3})?|(5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|6(011|5\d{2})\d{12}|35\d{14}|62\d{14,17})\b`)
)

// formsWithoutAction complains of forms that go wherever the page came from, with what somebody has put into its address.
func formsWithoutAction(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		if n.Data == "form" && markettest.Attribute(n, "action") == "" {
			return "a form without an action"
		}
		return ""
	})
}

// viewStates complains of the fields in which frameworks keep the state of a page with its visitor.
func viewStates(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		if name := markettest.Attribute(n, "name"); n.Data == "input" && viewState.MatchString(name) {
			return name
		}
		return ""
	})
}

// serialised complains of what Java writes of objects, as it is or in base64.
func serialised(p *markettest.Page) string {
	if bytes.Contains(p.Body, []byte("\xac\xed\x00\x05")) {
		return "ac ed 00 05"
	}
	return inBase64(p)
}

var inBase64 = found(`\brO0AB`)

// cardNumbers complains of numbers with a beginning and a length of those of cards, whose last digit is right (Luhn).
func cardNumbers(p *markettest.Page) string {
	for _, number := range cardNumber.FindAll(p.Body, -1) {
		sum := 0
		for i := range number {
			d := int(number[len(number)-1-i] - '0')
			if i%2 == 1 {
				d = d*2/10 + d*2%10
			}
			sum += d
		}
		if sum%10 == 0 {
			return string(number)
		}
	}
	return ""
}

// TestTheScanFindsWhatIsWrong shows pages with something wrong to the rules that no page of a market has ever broken, and pages
// that look alike with nothing wrong.
func TestTheScanFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ rule, path, wrong, right string }{
		{"10003 libraries of JavaScript", "/", `<script src="/-/jquery-3.4.1.min.js"></script>`, `<script src="/-/try.js" type="module"></script>`},
		{"10003 libraries of JavaScript", "/", `<script src="/ada/lodash.js"></script>`, `<a href="/ada/lodash">lodash 4.17</a>`},
		{"10003 libraries of JavaScript", "/-/own.js", "/*! something | (c) somebody */", "// Copies what stands beside a button."},
		{"10003 libraries of JavaScript", "/-/own.js", "// jQuery JavaScript Library v1.12.4\nlet x", "let reaction = 1.5"},
		{"10026 parameters that an address brings", "/", `<form method="post"><button>x</button></form>`, `<form method="post" action="/logout"></form>`},
		{"10026 parameters that an address brings", "/", `<form action=""></form>`, `<p>form</p>`},
		{"10032 90001 states of views", "/", `<input type="hidden" name="__VIEWSTATE" value="x">`, `<input name="view">`},
		{"10032 90001 states of views", "/", `<input type="hidden" name="javax.faces.ViewState" value="x">`, `<p>javax.faces.ViewState</p>`},
		{"10062 numbers of cards", "/", "<p>4111111111111111</p>", "<p>4111111111111112</p>"},
		{"10062 numbers of cards", "/", "<p>378282246310005</p>", "<p>sha256:a378282246310005b</p>"},
		{"10062 numbers of cards", "/", "<p>6200000000000005</p>", "<p>1762000000000005</p>"},
		{"90002 serialised objects of Java", "/", "\xac\xed\x00\x05sr", "aced0005"},
		{"90002 serialised objects of Java", "/", `<input value="rO0ABXNyAA">`, `<input value="xrO0ABXNyAA">`},
	} {
		rule := passive[c.rule]
		if rule == nil {
			t.Fatalf("there is no rule %q", c.rule)
		}
		look := func(body string) string {
			p := &markettest.Page{Path: c.path, Body: []byte(body)}
			if !strings.HasSuffix(c.path, ".js") {
				var err error
				if p.HTML, err = html.Parse(strings.NewReader(body)); err != nil {
					t.Fatal(err)
				}
			}
			return rule(p)
		}
		if look(c.wrong) == "" {
			t.Errorf("%s finds nothing wrong with %q", c.rule, c.wrong)
		}
		if problem := look(c.right); problem != "" {
			t.Errorf("%s finds %q in %q", c.rule, problem, c.right)
		}
	}
}

// secretsInAddresses complains of links and forms that ask with what a session, a token or a password is.
func secretsInAddresses(p *markettest.Page) string {
	return each(p, func(n *html.Node) string {
		for _, key := range []string{"href", "src", "action"} {
			if v := markettest.Attribute(n, key); secret.MatchString(v) {
				return v
			}
		}
		if n.Data == "input" && markettest.Attribute(n, "type") == "password" {
			for up := n.Parent; up != nil; up = up.Parent {
				if up.Data == "form" && markettest.Attribute(up, "method") != "post" {
					return "a password goes into the address"
				}
			}
		}
		return ""
	})
}

// unlinked are addresses that no page leads to: errors, other protocols, and what comes by mail.
var unlinked = []string{
	"/", "/login", "/signup", "/password", "/join/absent", "/password/absent", "/absent", "/absent/absent", "/ada/absent", "/search?q=%00", "/search?sort=beauty", "/-/", "/-/absent", "/robots.txt", "/sitemap.xml", "/healthz", "/readyz",
	"/login?next=https://evil.example/", "/login?next=//evil.example/", "/v2/", "/v2/ada/sentiment/tags/list", "/api/v1/packages", "/api/v1/whoami", "/api/v1/absent", "/api/models/ada/sentiment", "/api/datasets", "/datasets/ada/reviews/resolve/main/README.md", "/ada/sentiment/resolve/main/config.json",
	"/admin/moderation", "/admin/audit", "/organisations/lab", "/settings", "/settings/mailbox?code=absent", "/ada/secret", "/collections/ada/own", "/ada/gated", "/ada/sentiment/report?kind=review&id=1", "/ada/sentiment/appeal?kind=review&id=2",
}

// TestAPassiveScanFindsNothing visits every page as a stranger, as people with accounts and as an operator, behind TLS, and
// looks at the answers as ZAP's baseline scan does.
func TestAPassiveScanFindsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("every page is asked for by four people")
	}
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Open, Mailer: markettest.Unsent{}, URL: "https://market.example.org"}, Quota: markettest.Quota})
	m.Populate(t)
	for _, who := range []string{"", markettest.Customer, markettest.Publisher, markettest.Operator} {
		t.Run("as "+who, func(t *testing.T) {
			v := m.Visit(t, who, behindTLS{})
			pages := v.Crawl(t, unlinked...)
			n, own := 0, 0
			for _, p := range pages {
				if p.HTML != nil {
					n++
				}
				if p.Status >= 500 {
					t.Errorf("%s: %d", p.Path, p.Status)
				}
				for rule, wrong := range passive {
					if problem := wrong(p); problem != "" {
						t.Errorf("%s: %s: %.200s", p.Path, rule, problem)
					}
				}
				// 10015, 10049: what somebody alone sees is kept by nobody.
				if strings.Contains(string(p.Body), `action="/logout"`) {
					own++
					if !strings.Contains(p.Head.Get("Cache-Control"), "no-store") {
						t.Errorf("%s: 10049 what is private may be kept: %q", p.Path, p.Head.Get("Cache-Control"))
					}
				}
				// 10028: nothing leads away.
				for _, r := range p.Redirects {
					if to, err := r.Location(); err != nil || to.Host != r.Request.URL.Host {
						t.Errorf("%s: 10028 it leads to %v, %v", p.Path, to, err)
					}
				}
			}
			t.Logf("%d answers, %d of them pages", len(pages), n)
			if n < 140 || (who != "") != (own > 130) {
				t.Errorf("of %d pages %d are of somebody who is signed in: what was looked at?", n, own)
			}
			forms(t, m, v, pages)
		})
	}
}

// forms sends every form of some pages as if another site did (10202): none does anything.
func forms(t *testing.T, m *markettest.Market, v *markettest.Visitor, pages []*markettest.Page) {
	sent := map[string]bool{}
	for _, p := range pages {
		each(p, func(n *html.Node) string {
			if n.Data != "form" || !strings.EqualFold(markettest.Attribute(n, "method"), "post") {
				return ""
			}
			base, err := url.Parse(m.URL + p.Path)
			if err != nil {
				t.Fatal(err)
			}
			to, err := base.Parse(markettest.Attribute(n, "action"))
			if err != nil || to.Host != base.Host {
				t.Errorf("%s: a form goes to %v, %v", p.Path, to, err)
				return ""
			}
			if sent[to.Path] {
				return ""
			}
			sent[to.Path] = true
			for _, head := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.String(), strings.NewReader(markettest.Fields(n).Encode()))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = head.Clone()
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				a, err := v.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				a.Body.Close()
				if a.StatusCode != http.StatusForbidden {
					t.Errorf("%s: 10202 the form to %s from another site, with %v: %s", p.Path, to.Path, head, a.Status)
				}
			}
			return ""
		})
	}
	if len(sent) == 0 {
		t.Error("there is no form")
	}
	t.Logf("%d forms", len(sent))
}
