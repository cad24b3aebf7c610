package markettest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// Password is that of everybody whom Populate brings.
const Password = "correct horse"

// Names of whom Populate brings: Publisher has packages of every kind and an organisation, Customer has said what he thinks
// of them, Operator runs the market.
const (
	Publisher = "ada"
	Customer  = "bob"
	Operator  = "root"
)

const modelCard = `---
license: mit
language: [zh, en]
pipeline_tag: text-classification
datasets: [ada/reviews]
model-index:
- name: model
  results:
  - task: {type: text-classification}
    dataset: {name: reviews, type: reviews}
    metrics: [{type: accuracy, value: 0.97}]
---
# 评论情感 Sentiment of reviews

Tells **good** from *bad*; see [the data](/ada/reviews), and [what it is for](#use).

## Use

1. Install it.
2. Ask it.

| label | precision | recall | a long heading of a column | another long heading |
|---|---:|---:|---|---|
| good | 0.91 | 0.92 | 0.9123456789 | 0.9123456789 |

> A quotation.

` + "```sh\nxiaoyu pull ada/sentiment && echo a line of code that is much longer than a narrow window has room for\n```\n"

const appCard = "---\nlicense: mit\nlanguage: zh\n---\n# 客服 Desk\n"

// Populate fills a market with something of everything that its pages show. Reviews of accounts that are new count from now
// on.
func (m *Market) Populate(t *testing.T) {
	t.Helper()
	m.Depot.Catalogue.Reviews.Age = -1
	p := populating{t, m, map[string]*client.Client{}}
	for _, name := range []string{Publisher, Customer, "eve", Operator} {
		p.account(name)
	}
	var rows []verify.Row
	for i := range 20 {
		label := []string{"good", "bad"}[i%2]
		rows = append(rows, verify.Row{Text: fmt.Sprintf("评论 %d", i), Label: label})
	}
	p.must(verify.Add(t.Context(), m.Depot.Catalogue, "", &catalogue.Benchmark{Name: "reviews", Title: "评论 Reviews", Description: "Short reviews.", Task: "text-classification", Language: "zh", Metric: catalogue.Accuracy}, rows))
	p.packages()
	p.measure()
	p.opinions()
	p.lists()
}

type populating struct {
	t  *testing.T
	m  *Market
	as map[string]*client.Client
}

func (p *populating) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *populating) account(name string) {
	p.t.Helper()
	_, err := p.m.Depot.Catalogue.CreateAccount(p.t.Context(), catalogue.Account{Name: name, FullName: strings.ToUpper(name[:1]) + name[1:], About: "Of this market.\nFor tests.", Link: "https://example.org/", Operator: name == Operator}, Password)
	p.must(err)
	p.as[name], err = client.New(client.Options{Market: p.m.URL, Token: p.m.Token(p.t, name, catalogue.Admin), Home: p.t.TempDir()})
	p.must(err)
}

// push publishes a version, with a signature if there is a signer, and returns its digest.
func (p *populating) push(as, ref string, private bool, s *sign.Signer, files map[string]string) digest.Digest {
	p.t.Helper()
	dir := p.t.TempDir()
	for name, text := range files {
		p.must(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		p.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	packed, err := pack.Folder(p.t.Context(), dir, pack.Options{})
	p.must(err)
	to, err := client.ParseReference(ref)
	p.must(err)
	if private {
		p.must(p.as[as].Create(p.t.Context(), client.NewPackage{Name: to.Name, Private: true}))
	}
	_, err = p.as[as].Push(p.t.Context(), packed, to, client.Watch{})
	p.must(err)
	if s != nil {
		p.must(p.as[as].Sign(p.t.Context(), packed, to, s))
	}
	return packed.Digest
}

func (p *populating) pull(as, name string) {
	p.t.Helper()
	_, err := p.as[as].Pull(p.t.Context(), client.Reference{Name: name}, filepath.Join(p.t.TempDir(), "out"), false, client.Watch{})
	p.must(err)
}

// packages publishes data and a model in several versions, an application of it, what is private, gated and retired.
func (p *populating) packages() {
	ada, ctx := p.as[Publisher], p.t.Context()
	private, public, err := sign.NewKey()
	p.must(err)
	signer, err := sign.ReadSigner(private)
	p.must(err)
	p.must(ada.AddKey(ctx, Publisher, public, "laptop"))
	data := map[string]string{"README.md": Card, "train.jsonl": `{"text": "很好，打 13812345678", "label": "good"}` + "\n", "notes/about.txt": "Of our own.\n"}
	p.push(Publisher, "ada/reviews:1.0.0", false, nil, data)
	data["README.md"] += "\nA line more.\n"
	p.push(Publisher, "ada/reviews:1.1.0", false, signer, data)
	model := map[string]string{"README.md": modelCard, "config.json": `{"model_type": "bert"}`, "model.safetensors": string(Weights([]byte("weights"))), "metrics.json": `{"n":100,"accuracy":0.91,"macro_f1":0.9,"intervals":{"accuracy":{"low":0.85,"high":0.96}}}`}
	p.push(Publisher, "ada/sentiment:1.0.0", false, nil, model)
	model["model.safetensors"] = string(Weights([]byte("better weights")))
	of := p.push(Publisher, "ada/sentiment:1.1.0", false, signer, model)
	p.push(Publisher, "ada/sentiment:1.2.0-beta", false, nil, model)
	p.push(Publisher, "ada/desk:1.0.0", false, nil, map[string]string{"README.md": appCard, "app.yaml": "name: desk\nversion: 1.0.0\ninputs: {question: text}\noutputs: {answer: text}\ndependencies: {classifier: 'ada/sentiment:1.1.0@" + of.String() + "'}\n"})
	p.push(Publisher, "ada/secret:1.0.0", true, nil, data)
	p.push(Publisher, "ada/gated:1.0.0", false, nil, data)
	manual := "manual"
	p.must(ada.Configure(ctx, "ada/gated", client.Settings{Gated: &manual}))
	p.push(Customer, "bob/tuned:1.0.0", false, nil, map[string]string{"README.md": strings.Replace(modelCard, "license: mit", "license: mit\nbase_model: ada/sentiment", 1), "config.json": `{"model_type": "bert"}`, "model.safetensors": string(Weights([]byte("tuned")))})
	p.must(ada.Retire(ctx, "ada/reviews", "1.0.0", client.Retirement{State: "deprecated", Reason: "there is a better one", Successor: "ada/reviews:1.1.0"}))
	p.must(ada.Retire(ctx, "ada/sentiment", "1.0.0", client.Retirement{State: "yanked", Reason: "it was wrong"}))
	_, err = ada.Advise(ctx, "ada/sentiment", client.NewAdvisory{Severity: "high", Title: "Reads no digits", Text: "Texts with digits are all good to it.", Affected: "<1.1.0", Fixed: "1.1.0"})
	p.must(err)
	p.must(p.as["eve"].Like(ctx, "ada/sentiment", true))
}

// measure says of all models that were not measured yet that they were: one is as good as its card says, the other is not.
func (p *populating) measure() {
	ctx, stop := context.WithCancel(p.t.Context())
	c := p.m.Depot.Catalogue
	ended := make(chan error, 1)
	go func() {
		ended <- c.Work(ctx, catalogue.WorkOptions{Name: "test", Limit: time.Minute, Log: slog.New(slog.DiscardHandler)}, func(_ context.Context, k *catalogue.Task) (*catalogue.Outcome, error) {
			r := verify.Record{Benchmark: k.Benchmark.Name, Rows: k.Benchmark.Digest.String(), Examples: k.Benchmark.Examples, Metric: k.Benchmark.Metric, State: catalogue.Measured, Latency: 1.25, Batch: .4, Size: 12_000, Memory: 80e6, Seconds: 3,
				Figures: []verify.Figure{{Key: catalogue.Accuracy, Value: .9, Low: .86, High: .93}, {Key: catalogue.MacroF1, Value: .89, Low: .85, High: .92}, {Key: "ece", Value: .03}},
				Robust:  []verify.Robust{{Kind: "typos", Examples: 4, Clean: .9, Accuracy: .8}}, Machine: verify.Machine{Processor: "of a test", System: "linux/amd64", Cores: 2}, Xiaoyu: "1", At: time.Now().UTC()}
			if k.Repository.FullName() == "bob/tuned" {
				r.State, r.Problem, r.Figures, r.Robust = catalogue.Failed, "it took too much memory", nil, nil
			}
			record, err := json.Marshal(r)
			return &catalogue.Outcome{Verification: catalogue.Verification{Benchmark: k.Benchmark, State: r.State, Score: .9, Low: .86, High: .93, Latency: 1.25, Size: 12_000, Record: record, At: r.At}}, err
		})
	}()
	for _, name := range []string{"ada/sentiment", "bob/tuned"} {
		p.measured(name)
	}
	stop()
	p.must(<-ended)
}

// measured waits until a package was.
func (p *populating) measured(name string) {
	p.t.Helper()
	c := p.m.Depot.Catalogue
	for range 1200 {
		r, err := c.Repository(p.t.Context(), catalogue.Caller{}, name)
		p.must(err)
		target, err := c.Resolve(p.t.Context(), r, "")
		p.must(err)
		list, err := c.Verifications(p.t.Context(), &target.Manifest)
		p.must(err)
		if len(list) > 0 && list[0].State != "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%s is not measured", name)
}

// opinions has people say what they think, and moderators decide about it.
func (p *populating) opinions() {
	ada, bob, eve, root, ctx := p.as[Publisher], p.as[Customer], p.as["eve"], p.as[Operator], p.t.Context()
	for _, as := range []string{Customer, "eve", Operator} {
		p.pull(as, "ada/sentiment")
	}
	v, err := bob.Rate(ctx, "ada/sentiment", client.NewReview{Stars: 4, Text: "Good, and small.\n它很快。"})
	p.must(err)
	p.must(ada.ReplyTo(ctx, "ada/sentiment", v.ID, "Thank you!"))
	p.must(bob.ReplyTo(ctx, "ada/sentiment", v.ID, "You are welcome."))
	bad, err := eve.Rate(ctx, "ada/sentiment", client.NewReview{Stars: 1, Text: "I do not like it."})
	p.must(err)
	_, err = root.Rate(ctx, "ada/sentiment", client.NewReview{Stars: 5})
	p.must(err)
	p.must(ada.Report(ctx, "ada/sentiment", client.Complaint{Kind: "review", ID: bad.ID, Reason: "It says nothing."}))
	p.must(root.Decide(ctx, client.NewDecision{Kind: "review", ID: bad.ID, Action: "down", Reason: "It says nothing."}))
	p.must(eve.Appeal(ctx, "ada/sentiment", client.Complaint{Kind: "review", ID: bad.ID, Reason: "It is what I think."}))
	p.must(eve.Report(ctx, "bob/tuned", client.Complaint{Kind: "package", Reason: "It is a copy."}))
	p.must(eve.Report(ctx, "ada/sentiment", client.Complaint{Kind: "review", ID: v.ID, Reason: "It was paid for."}))
}

// lists makes an organisation, collections, invitations and a session.
func (p *populating) lists() {
	ada, ctx := p.as[Publisher], p.t.Context()
	_, err := ada.CreateOrganisation(ctx, client.NewOrganisation{Name: "lab", FullName: "The Lab"})
	p.must(err)
	p.must(ada.SetMember(ctx, "lab", Customer, "write"))
	_, err = ada.Invite(ctx, "lab", client.NewInvitation{Role: "read", Note: "Carol"})
	p.must(err)
	p.push(Publisher, "lab/words:1.0.0", false, nil, map[string]string{"README.md": Card, "words.jsonl": `{"text": "字"}`})
	note := "The one to begin with."
	for _, l := range []client.NewCollection{{Slug: "desk", Title: "客服 For customers", Description: "What answers customers."}, {Slug: "own", Title: "My own", Private: true}} {
		made, err := ada.CreateCollection(ctx, l)
		p.must(err)
		for _, name := range []string{"ada/sentiment", "ada/reviews", "bob/tuned"} {
			p.must(ada.Collect(ctx, made.Name, name, client.ItemSettings{Note: &note}))
		}
	}
	owner, err := p.m.Depot.Catalogue.Authenticate(ctx, p.m.Token(p.t, Publisher, catalogue.Admin))
	p.must(err)
	_, err = p.m.Depot.Catalogue.Invite(ctx, owner, nil, catalogue.None, "Dora")
	p.must(err)
}

// Quota is one that lets pages show how much of it is taken.
var Quota = depot.Quota{OwnerBytes: 1 << 30, OwnerPackages: 100}
