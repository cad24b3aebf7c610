package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/api"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// place is a market with what its routes are tried on: ada's public and private packages, her organisation and collections,
// and the tokens of people with each scope. Eve has an account and no rights.
type place struct {
	*markettest.Market
	t      *testing.T
	tokens map[string]string // ada read, ada write, ada admin, eve admin, operator; "" is a stranger's
	digest string            // of ada/open
	review int64             // of ada/open, by root
	pem    string            // a public key
}

func start(t *testing.T, o market.Options) *place {
	o.Reviews.Age = -1 // the accounts are new
	m := markettest.Start(t, o)
	p := &place{Market: m, t: t, tokens: map[string]string{"": "", "ada read": m.Token(t, "ada", catalogue.Read), "ada write": m.Token(t, "ada", catalogue.Write), "ada admin": m.Token(t, "ada", catalogue.Admin),
		"eve admin": m.Token(t, "eve", catalogue.Admin)}}
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, ""); err != nil {
		t.Fatal(err)
	}
	p.tokens["operator"] = m.Token(t, "root", catalogue.Admin)
	p.tokens["revoked"] = "xy_" + strings.Repeat("A", 43)
	_, public, err := sign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	p.pem = string(public)
	p.reset("")
	return p
}

// reset brings what a route has changed back: path is the route's, "" for all.
func (p *place) reset(path string) {
	p.t.Helper()
	if path == "" || strings.HasPrefix(path, "/packages") {
		p.packages()
	}
	for _, x := range [][3]string{
		{"POST", "/organisations", `{"name":"lab"}`}, {"DELETE", "/collections/ada/new", ""}, {"DELETE", "/collections/ada/desk", ""}, {"DELETE", "/collections/ada/hidden", ""},
		{"POST", "/collections", `{"title":"Desk"}`}, {"PUT", "/collections/ada/desk/items/ada/open", `{}`}, {"PUT", "/collections/ada/desk/items/ada/secret", `{}`},
		{"POST", "/collections", `{"title":"Hidden","private":true}`},
	} {
		if path != "" && !strings.HasPrefix(path, x[1][:4]) {
			continue
		}
		if status, body := p.ask("ada admin", x[0], x[1], x[2]); status >= 400 && status != http.StatusConflict && x[0] != "DELETE" {
			p.t.Fatalf("%v: %d %s", x, status, body)
		}
	}
}

// packages publishes ada's anew.
func (p *place) packages() {
	p.t.Helper()
	for _, name := range []string{"open", "secret", "moved"} {
		p.ask("ada admin", "DELETE", "/packages/ada/"+name, "")
	}
	p.ask("operator", "DELETE", "/packages/root/tool", "")
	c, err := client.New(client.Options{Market: p.URL, Token: p.tokens["operator"], Home: p.t.TempDir()})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"ada/open", "ada/secret", "root/tool"} {
		dir := p.t.TempDir()
		for file, text := range map[string]string{"README.md": markettest.Card, "rows.jsonl": `{"text": "` + name + `"}` + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				p.t.Fatal(err)
			}
		}
		packed, err := pack.Folder(p.t.Context(), dir, pack.Options{})
		if err != nil {
			p.t.Fatal(err)
		}
		if err := c.Create(p.t.Context(), client.NewPackage{Name: name, Private: name == "ada/secret"}); err != nil {
			p.t.Fatal(err)
		}
		ref, err := client.ParseReference(name + ":1.0.0")
		if err != nil {
			p.t.Fatal(err)
		}
		pushed, err := c.Push(p.t.Context(), packed, ref, client.Watch{})
		if err != nil {
			p.t.Fatal(err)
		}
		if name == "ada/open" {
			p.digest = pushed.Digest.String()
		}
	}
	for _, x := range [][2]string{{"ada admin", "ada/open"}, {"eve admin", "ada/open"}, {"operator", "ada/open"}, {"ada admin", "root/tool"}, {"eve admin", "root/tool"}} {
		p.install(x[0], x[1])
	}
	for _, x := range [][2]string{{"operator", "ada/open"}, {"ada admin", "root/tool"}, {"eve admin", "root/tool"}} {
		status, body := p.ask(x[0], "PUT", "/packages/"+x[1]+"/rating", `{"stars":3}`)
		var v client.Review
		if err := json.Unmarshal([]byte(body), &v); err != nil || status != 200 || v.State != "" {
			p.t.Fatal(status, body, err)
		}
		if x[1] == "ada/open" {
			p.review = v.ID
		}
	}
}

// install pulls a package, as somebody with a token does.
func (p *place) install(who, name string) {
	p.t.Helper()
	c, err := client.New(client.Options{Market: p.URL, Token: p.tokens[who], Home: p.t.TempDir()})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.Pull(p.t.Context(), client.Reference{Name: name}, filepath.Join(p.t.TempDir(), "out"), false, client.Watch{}); err != nil {
		p.t.Fatal(err)
	}
}

// TestAnInstallIsBelievedOfWhomThePackageWasSent asks for the right to rate what was never downloaded.
func TestAnInstallIsBelievedOfWhomThePackageWasSent(t *testing.T) {
	p := start(t, market.Options{})
	p.tokens["new"] = p.Token(t, "newcomer", catalogue.Write)
	body := fmt.Sprintf(`{"digest":%q}`, p.digest)
	if status, said := p.ask("new", "POST", "/packages/ada/open/installs", body); status != 403 || !strings.Contains(said, "pull it with the same account first") {
		t.Errorf("%d %s", status, said)
	}
	for _, wrong := range []string{`{}`, `{"digest":""}`, `{"digest":"latest"}`, `{"digest":"sha256:12"}`} {
		if status, said := p.ask("new", "POST", "/packages/ada/open/installs", wrong); status != 400 || !strings.Contains(said, "send that of the manifest") {
			t.Errorf("%s: %d %s", wrong, status, said)
		}
	}
	if status, said := p.ask("new", "PUT", "/packages/ada/open/rating", `{"stars":5}`); status != 403 {
		t.Errorf("%d %s", status, said)
	}
	p.ask("ada admin", "PATCH", "/packages/ada/open", `{"gated":"manual"}`)
	if status, said := p.ask("eve admin", "POST", "/packages/ada/open/installs", body); status != 403 || !strings.Contains(said, "gated") {
		t.Errorf("of what is gated: %d %s", status, said)
	}
	for _, who := range []string{"eve admin", ""} { // nor do those who were not let in ask its model
		if status, said := p.ask(who, "POST", "/packages/ada/open/predict", `{"text":"good"}`); status != 403 || !strings.Contains(said, "gated") {
			t.Errorf("%q asks a gated model: %d %s", who, status, said)
		}
	}
}

// ask sends a request as somebody.
func (p *place) ask(who, method, path, body string) (status int, answer string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if token := p.tokens[who]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := conforms(method, "/api/v1"+path, body, a, b); err != nil {
		p.t.Errorf("%s %s: %d %.300s: %v", method, path, a.StatusCode, b, err)
	}
	if a.StatusCode >= 400 {
		var e client.Errors
		if err := json.Unmarshal(b, &e); err != nil || len(e.Errors) != 1 || e.Errors[0].Code == "" || e.Errors[0].Message == "" {
			p.t.Errorf("%s %s: %d with an error that no client can read: %s", method, path, a.StatusCode, b)
		}
	}
	return a.StatusCode, string(b)
}

// route is a request, and what it needs.
type route struct {
	as   string // method and path in the document
	path string // of ada's things
	body string
	// needs is the scope, None for what strangers may; mine tells that it takes ada's rights as well.
	needs catalogue.Right
	mine  bool
	ok    int
}

const (
	one        = "/packages/{owner}/{name}"
	collection = "/collections/{owner}/{slug}"
	lab        = "/organisations/{name}"
)

func (p *place) routes() []route {
	const r, w, a = catalogue.Read, catalogue.Write, catalogue.Admin
	return []route{
		{"POST " + one + "/reviews/{id}/replies", fmt.Sprintf("/packages/ada/open/reviews/%d/replies", p.review), `{"text":"thanks"}`, w, true, 204}, // first: the review goes with the package
		{"GET /whoami", "/whoami", "", r, false, 200},
		{"GET /openapi.json", "/openapi.json", "", 0, false, 200},
		{"GET /packages", "/packages?q=test", "", 0, false, 200},
		{"POST /packages", "/packages", `{"name":"ada/moved"}`, w, true, 201},
		{"GET " + one, "/packages/ada/open", "", 0, false, 200},
		{"GET " + one + "/bom", "/packages/ada/open/bom", "", 0, false, 200},
		{"POST " + one + "/predict", "/packages/ada/open/predict", `{"text":"a"}`, 0, false, 422}, // it is no model
		{"POST " + one + "/installs", "/packages/ada/open/installs", fmt.Sprintf(`{"digest":%q}`, p.digest), r, false, 204},
		{"PUT " + one + "/rating", "/packages/root/tool/rating", `{"stars":4,"text":"good"}`, w, false, 200},
		{"DELETE " + one + "/rating", "/packages/root/tool/rating", "", w, false, 204},
		{"GET " + one + "/reviews", "/packages/ada/open/reviews?stars=3", "", 0, false, 200},
		{"GET " + one + "/reviews.jsonl", "/packages/ada/open/reviews.jsonl", "", 0, false, 200},
		{"POST " + one + "/reports", "/packages/root/tool/reports", `{"kind":"package","reason":"x"}`, w, false, 204},
		{"POST " + one + "/appeals", "/packages/ada/open/appeals", `{"kind":"package","reason":"x"}`, w, true, 409}, // nothing was decided
		{"GET " + one + "/advisories", "/packages/ada/open/advisories?of=1.0.0", "", 0, false, 200},
		{"DELETE " + one + "/advisories/{id}", "/packages/ada/open/advisories/999", "", w, true, 404},
		{"POST " + one + "/advisories", "/packages/ada/open/advisories", `{"severity":"high","title":"t","affected":"*"}`, w, true, 201},
		{"GET /benchmarks", "/benchmarks", "", 0, false, 200},
		{"GET /benchmarks/{name}", "/benchmarks/none", "", 0, false, 404}, // there is none
		{"GET " + one + "/verifications", "/packages/ada/open/verifications?version=1.0.0", "", 0, false, 200},
		{"POST " + one + "/verifications", "/packages/ada/open/verifications?version=1.0.0", "", w, true, 200},
		{"GET /verification-key", "/verification-key", "", 0, false, 200},
		{"GET /moderation", "/moderation", "", a, true, 403}, // ada is no operator
		{"POST /moderation", "/moderation", `{"kind":"review","id":1,"action":"down","reason":"x"}`, a, true, 403},
		{"GET /moderation/decisions", "/moderation/decisions", "", a, true, 403},
		{"GET /moderation/export.jsonl", "/moderation/export.jsonl", "", a, true, 403},
		{"PUT " + one + "/like", "/packages/ada/open/like", "", r, false, 204},
		{"DELETE " + one + "/like", "/packages/ada/open/like", "", r, false, 204},
		{"PATCH " + one, "/packages/ada/open", `{"description":"x"}`, w, true, 204},
		{"PUT " + one + "/versions/{version}/state", "/packages/ada/open/versions/1.0.0/state", `{"state":"deprecated","reason":"x"}`, w, true, 204},
		{"DELETE " + one + "/versions/{version}", "/packages/ada/open/versions/1.0.0", "", w, true, 204},
		{"DELETE " + one, "/packages/ada/open", "", w, true, 204},
		{"GET /collections", "/collections?q=desk", "", 0, false, 200},
		{"POST /collections", "/collections", `{"owner":"ada","title":"New"}`, w, true, 201},
		{"GET " + collection, "/collections/ada/desk", "", 0, false, 200},
		{"PATCH " + collection, "/collections/ada/desk", `{"title":"y"}`, w, true, 204},
		{"PUT " + collection + "/items/{package_owner}/{name}", "/collections/ada/desk/items/ada/open", `{"note":"z","place":1}`, w, true, 204},
		{"DELETE " + collection + "/items/{package_owner}/{name}", "/collections/ada/desk/items/ada/open", "", w, true, 204},
		{"DELETE " + collection, "/collections/ada/desk", "", w, true, 204},
		{"GET /organisations", "/organisations", "", r, false, 200},
		{"POST /organisations", "/organisations", `{"name":"` + fresh() + `"}`, a, false, 201},
		{"GET " + lab, "/organisations/lab", "", r, true, 200},
		{"PUT " + lab + "/members/{member}", "/organisations/lab/members/ada", `{"role":"admin"}`, a, true, 204},
		{"DELETE " + lab + "/members/{member}", "/organisations/lab/members/ada", "", a, true, 400}, // the last administrator
		{"POST " + lab + "/invitations", "/organisations/lab/invitations", `{"role":"read"}`, a, true, 201},
		{"GET /audit", "/audit?owner=ada", "", a, true, 200},
		{"GET /keys/{owner}", "/keys/ada", "", 0, false, 200},
		{"POST /keys/{owner}", "/keys/ada", fmt.Sprintf(`{"pem":%q,"name":"%s"}`, p.pem, strings.Repeat("钥", 60)), a, true, 204},
		{"DELETE /keys/{owner}/{fingerprint}", "/keys/ada/sha256:none", "", a, true, 404}, // there is no such key
	}
}

var made int

// fresh is a name that nobody has.
func fresh() string {
	made++
	return fmt.Sprint("org-", made)
}

// TestTheTableHasEveryRoute compares the routes that are tried with those of the document.
func TestTheTableHasEveryRoute(t *testing.T) {
	s, err := described()
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, r := range (&place{}).routes() {
		tried[r.as] = true
	}
	n := 0
	for path, methods := range s.Paths {
		for method := range methods {
			n++
			if as := strings.ToUpper(method) + " " + strings.TrimPrefix(path, api.Root); !tried[as] {
				t.Errorf("%s is not tried", as)
			}
		}
	}
	if n != len(tried) {
		t.Errorf("the document has %d operations, the table %d", n, len(tried))
	}
}

// TestRoutesAskWhoIsThere sends each request as a stranger, with tokens that do not go as far, as somebody without rights,
// and as who may.
func TestRoutesAskWhoIsThere(t *testing.T) {
	p := start(t, market.Options{})
	scopes := map[string]catalogue.Right{"ada read": catalogue.Read, "ada write": catalogue.Write, "ada admin": catalogue.Admin}
	for _, r := range p.routes() {
		method, _, _ := strings.Cut(r.as, " ")
		if status, body := p.ask("revoked", method, r.path, r.body); status != 401 {
			t.Errorf("%s with a token that is nobody's: %d %s", r.as, status, body)
		}
		if status, body := p.ask("", method, r.path, r.body); r.needs > 0 && status != 401 || r.needs == 0 && status != r.ok {
			t.Errorf("%s of a stranger: %d %s", r.as, status, body)
		}
		if status, body := p.ask("eve admin", method, r.path, r.body); r.mine && status != 403 && !(status == 404 && strings.Contains(r.as, "organisations")) || !r.mine && status != r.ok {
			t.Errorf("%s of somebody else: %d %s", r.as, status, body)
		}
		for _, who := range []string{"ada read", "ada write", "ada admin"} {
			if !r.mine && r.ok == 201 { // eve has taken the name
				continue
			}
			status, body := p.ask(who, method, r.path, r.body)
			if enough := scopes[who] >= r.needs; enough && status != r.ok || !enough && status != 403 {
				t.Errorf("%s with the token %q: %d %s", r.as, who, status, body)
			}
			if enough := scopes[who] >= r.needs; enough && (method == "DELETE" || r.ok == 201) {
				p.reset(r.path)
			}
		}
	}
}

// TestPrivateNamesAreAsIfAbsent compares the answers about what is private with those about what is not there.
func TestPrivateNamesAreAsIfAbsent(t *testing.T) {
	p := start(t, market.Options{})
	for _, r := range p.routes() {
		method, _, _ := strings.Cut(r.as, " ")
		var private, absent string
		switch {
		case strings.HasPrefix(r.path, "/packages/ada/open"):
			private, absent = strings.Replace(r.path, "open", "secret", 1), strings.Replace(r.path, "open", "absent", 1)
		case strings.HasPrefix(r.path, "/collections/ada/desk"):
			private, absent = strings.Replace(r.path, "desk", "hidden", 1), strings.Replace(r.path, "desk", "absent", 1)
		case strings.HasPrefix(r.path, "/organisations/lab"), strings.HasPrefix(r.path, "/keys/ada"), strings.HasPrefix(r.path, "/audit"):
			private, absent = r.path, regexp.MustCompile(`lab|ada`).ReplaceAllString(r.path, "absent")
		default:
			continue
		}
		for _, who := range []string{"", "eve admin"} {
			plain := func(path string) (int, string) {
				status, body := p.ask(who, method, path, r.body)
				return status, regexp.MustCompile(`\b(secret|hidden|absent|lab)\b|\bada\b`).ReplaceAllString(body, "X")
			}
			aStatus, a := plain(private)
			bStatus, b := plain(absent)
			if aStatus != bStatus || a != b {
				t.Errorf("%s as %q: what is private answers %d %s, what is not there %d %s", r.as, who, aStatus, a, bStatus, b)
			}
		}
	}
	for _, path := range []string{"/packages?owner=ada", "/packages?q=secret", "/collections?owner=ada", "/collections?package=ada/open", "/collections/ada/desk"} {
		if status, body := p.ask("eve admin", "GET", path, ""); status != 200 || strings.Contains(body, "secret") || strings.Contains(body, "idden") {
			t.Errorf("%s tells of what is private: %d %s", path, status, body)
		}
	}
}

// TestBodiesThatAreWrongAreRefused sends each route that reads a body what it cannot read.
func TestBodiesThatAreWrongAreRefused(t *testing.T) {
	stores := map[string]market.Options{"sqlite": {}}
	if os.Getenv("XIAOYU_POSTGRES") != "" && !testing.Short() { // it knows no character NUL
		stores["postgres"] = market.Options{Database: markettest.PostgreSQL(t).Address}
	}
	for name, o := range stores {
		t.Run(name, func(t *testing.T) {
			p := start(t, o)
			for _, r := range p.routes() {
				method, _, _ := strings.Cut(r.as, " ")
				if r.body == "" {
					continue
				}
				var fields map[string]any
				if err := json.Unmarshal([]byte(r.body), &fields); err != nil {
					t.Fatal(err)
				}
				bodies := map[string]int{"": 400, "null null": 400, "[]": 400, `"text"`: 400, "7": 400, "{": 400, "\xff": 400, `{"unknown":1}`: 400, r.body + r.body: 400, r.body + "x": 400, "<xml/>": 400, "a=b": 400,
					strings.Repeat("[", 20_000): 400, `{"` + strings.Repeat("x", 1<<20) + `":1}`: 413, r.body + strings.Repeat(" ", 1<<20): 413}
				for field := range fields {
					for _, wrong := range []string{"{}", "[1]", `{"a":"b"}`} {
						bodies[fmt.Sprintf(`{%q:%s}`, field, wrong)] = 400
					}
				}
				for body, want := range bodies {
					if status, answer := p.ask("ada admin", method, r.path, body); status != want {
						t.Errorf("%s with %.60q of %d bytes: %d %.200s, want %d", r.as, body, len(body), status, answer, want)
					}
				}
				// Texts that no page could show, or that are too long for one.
				for field, value := range fields {
					if _, ok := value.(string); !ok {
						continue
					}
					for _, text := range []string{"a\x00b", "\x1b[31m", strings.Repeat("长", 100_000), "../../etc", "a\r\nSet-Cookie: a=b", "{{.}}", "\u202e"} {
						with := map[string]any{}
						for k, v := range fields {
							with[k] = v
						}
						with[field] = text
						b, err := json.Marshal(with)
						if err != nil {
							t.Fatal(err)
						}
						if status, answer := p.ask("ada admin", method, r.path, string(b)); status >= 500 || status < 400 && (strings.ContainsAny(text, "\x00\x1b") || len(text) > 1000) && field != "text" && r.as != "POST /keys/{owner}" && field != "note" {
							t.Errorf("%s with %s %.20q: %d %.200s", r.as, field, text, status, answer)
						}
					}
				}
			}
			for _, path := range []string{"/packages?q=%00", "/packages?owner=%ff", "/packages?sort=beauty", "/packages?limit=-1", "/packages?limit=101", "/packages?offset=x", "/collections?q=%00%ff", "/collections?owner=%00", "/collections?limit=9999",
				"/packages/a%00/b", "/packages/%2e%2e/b", "/packages/ada/open?version=%00", "/keys/%00", "/collections/ada/%00", "/collections/%ff/x", "/organisations/%00", "/audit?owner=%00&actor=%00", "/audit?before=x", "/audit?limit=0", "/nothing"} {
				if status, body := p.ask("operator", "GET", path, ""); status >= 500 {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
		})
	}
}

// TestATokenLosesWhatAMembershipGave has somebody leave an organisation, and be disabled.
func TestATokenLosesWhatAMembershipGave(t *testing.T) {
	p := start(t, market.Options{})
	must := func(who, method, path, body string, want int) {
		t.Helper()
		if status, answer := p.ask(who, method, path, body); status != want {
			t.Fatalf("%s %s as %q: %d %s, want %d", method, path, who, status, answer, want)
		}
	}
	must("ada admin", "PUT", "/organisations/lab/members/eve", `{"role":"write"}`, 204)
	must("eve admin", "POST", "/packages", `{"name":"lab/rows","private":true}`, 201)
	must("eve admin", "POST", "/collections", `{"owner":"lab","title":"Ours","private":true}`, 201)
	must("eve admin", "GET", "/collections/lab/ours", "", 200)
	must("ada admin", "DELETE", "/organisations/lab/members/eve", "", 204)
	must("eve admin", "GET", "/packages/lab/rows", "", 404)
	must("eve admin", "GET", "/collections/lab/ours", "", 404)
	must("eve admin", "POST", "/packages", `{"name":"lab/more"}`, 403)
	eve, err := p.Depot.Catalogue.Account(t.Context(), "eve")
	if err == nil {
		err = p.Depot.Catalogue.SetDisabled(t.Context(), "root", eve, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	must("eve admin", "GET", "/whoami", "", 401)
}

// TestAnErrorSaysWhatWasAskedAndTheWayOut reads what clients show to people.
func TestAnErrorSaysWhatWasAskedAndTheWayOut(t *testing.T) {
	p := start(t, market.Options{})
	for _, c := range []struct{ who, method, path, body, code, says string }{
		{"", "GET", "/packages/ada/secret", "", "NAME_UNKNOWN", "the package ada/secret: not found; check the name, or log in if it is private"},
		{"ada read", "POST", "/packages", `{"name":"ada/x"}`, "DENIED", "the token's scope is read; use a token with the scope write"},
		{"ada admin", "POST", "/packages", `{"name":"ada/open"}`, "EXISTS", "there is one already; choose another name"},
		{"ada admin", "PATCH", "/packages/ada/open", `{"gated":"maybe"}`, "INVALID", "it is auto, manual, or empty for none"},
		{"ada admin", "GET", "/nothing", "", "NAME_UNKNOWN", "see /api/v1/openapi.json for what there is"},
	} {
		_, body := p.ask(c.who, c.method, c.path, c.body)
		var e struct {
			Errors []struct{ Code, Message string } `json:"errors"`
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil || !slices.ContainsFunc(e.Errors, func(x struct{ Code, Message string }) bool {
			return x.Code == c.code && strings.Contains(x.Message, c.says)
		}) {
			t.Errorf("%s %s: %s, want %s %q", c.method, c.path, body, c.code, c.says)
		}
	}
}
