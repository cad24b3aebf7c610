package api

import (
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) moderationRoutes() []route {
	of := []parameter{text("of", "a version or a digest: what else speaks against that")}
	before := []parameter{beforeParameter}
	return []route{
		{"POST " + aPackage + "/reports", "report", "Tells the moderators of a package, or of what was said of it.", catalogue.Write, nil, reads(a.report)},
		{"POST " + aPackage + "/appeals", "appeal", "Tells what the author has against a decision.", catalogue.Write, nil, reads(a.appeal)},
		{"GET " + aPackage + "/advisories", "listAdvisories", "Tells what is dangerous about a package.", catalogue.None, of, answers(a.advisories)},
		{"POST " + aPackage + "/advisories", "advise", "Publishes an advisory.", catalogue.Write, nil, exchanges(http.StatusCreated, a.advise)},
		{"DELETE " + aPackage + "/advisories/{id}", "withdrawAdvisory", "Says that an advisory no longer holds.", catalogue.Write, nil, does(a.withdraw)},
		{"GET /moderation", "listCases", "Lists what waits for a moderator.", catalogue.Admin, nil, answers(a.queue)},
		{"POST /moderation", "decide", "Takes a moderator's decision.", catalogue.Admin, nil, reads(a.decide)},
		{"GET /moderation/decisions", "listDecisions", "Lists decisions, the newest first.", catalogue.Admin, before, answers(a.decisions)},
		{"GET /moderation/export.jsonl", "exportModeration", "Tells all that people say and moderators decide, a line each.", catalogue.Admin, nil, writes[client.Exported](linesMedia, a.exportAll)},
	}
}

// object is the number of what a request is about: the package's own where it is the package.
func object(kind string, id int64, r *catalogue.Repository) int64 {
	if kind == catalogue.APackage {
		return r.ID
	}
	return id
}

func (a *API) report(r *http.Request, who catalogue.Caller, c client.Complaint) error {
	p, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.Report(r.Context(), who, p, c.Kind, object(c.Kind, c.ID, p), c.Reason)
}

func (a *API) appeal(r *http.Request, who catalogue.Caller, c client.Complaint) error {
	p, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.Appeal(r.Context(), who, p, c.Kind, object(c.Kind, c.ID, p), c.Reason)
}

func describeAdvisory(v catalogue.Advisory) client.Advisory {
	return client.Advisory{ID: v.ID, Package: v.Package, Severity: v.Severity, Title: v.Title, Text: v.Text, Affected: v.Affected, Fixed: v.Fixed, Author: v.Author, Created: v.Created, Withdrawn: v.Withdrawn}
}

// advisories answers with those of a package; with ?of= a digest or a version also with what else speaks against that.
func (a *API) advisories(r *http.Request, who catalogue.Caller) (*client.Standing, error) {
	p, err := a.repository(r, who)
	if err != nil {
		return nil, err
	}
	out := &client.Standing{Name: p.FullName(), Advisories: []client.Advisory{}}
	var list []catalogue.Advisory
	if of := r.URL.Query().Get("of"); of != "" {
		d := digest.Digest(of)
		if d.Validate() != nil { // what is no digest is a name
			t, err := a.depot.Catalogue.Resolve(r.Context(), p, of)
			if err != nil {
				return nil, err
			}
			d = t.Manifest.Digest
		}
		s, err := a.depot.Catalogue.StandingOf(r.Context(), p, d)
		if err != nil {
			return nil, err
		}
		out.Digest, out.Versions, out.State, out.Reason, out.Successor, list = d.String(), s.Versions, s.State, s.Reason, s.Successor, s.Advisories
	} else if list, err = a.depot.Catalogue.Advisories(r.Context(), p); err != nil {
		return nil, err
	}
	for _, v := range list {
		out.Advisories = append(out.Advisories, describeAdvisory(v))
	}
	return out, nil
}

func (a *API) advise(r *http.Request, who catalogue.Caller, n client.NewAdvisory) (client.Advisory, error) {
	p, err := a.repository(r, who)
	if err != nil {
		return client.Advisory{}, err
	}
	v, err := a.depot.Catalogue.Advise(r.Context(), who, p, catalogue.Advisory{Severity: n.Severity, Title: n.Title, Text: n.Text, Affected: n.Affected, Fixed: n.Fixed})
	if err != nil {
		return client.Advisory{}, err
	}
	return describeAdvisory(*v), nil
}

func (a *API) withdraw(r *http.Request, who catalogue.Caller) error {
	p, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.WithdrawAdvisory(r.Context(), who, p, id(r))
}

func (a *API) queue(r *http.Request, who catalogue.Caller) (*client.Queue, error) {
	list, waiting, err := a.depot.Catalogue.Queue(r.Context(), who, mostAtOnce)
	if err != nil {
		return nil, err
	}
	out := &client.Queue{Cases: []client.Case{}, Waiting: waiting}
	for _, x := range list {
		one := client.Case{Kind: x.Kind, ID: x.Object, Package: x.Package, Author: x.Author, Version: x.Version, Stars: x.Stars, Text: x.Text, State: x.State, Reason: x.Reason, Created: x.Created, Appeal: x.Appeal}
		for _, p := range x.Reports {
			one.Reports = append(one.Reports, client.Report{By: p.By, Reason: p.Reason, At: p.At})
		}
		out.Cases = append(out.Cases, one)
	}
	return out, nil
}

func (a *API) decide(r *http.Request, who catalogue.Caller, d client.NewDecision) error {
	c := a.depot.Catalogue
	if d.Package == "" {
		return c.Decide(r.Context(), who, d.Kind, d.ID, d.Action, d.Reason)
	}
	p, err := c.Repository(r.Context(), who, d.Package)
	if err != nil {
		return err
	}
	if d.Kind == "" { // all that is held of it
		_, err = c.DecideHeld(r.Context(), who, p, d.Action, d.Reason)
		return err
	}
	return c.Decide(r.Context(), who, d.Kind, object(d.Kind, d.ID, p), d.Action, d.Reason)
}

func describeDecision(d catalogue.Decision) client.Decision {
	return client.Decision{ID: d.ID, At: d.At, Moderator: d.Moderator, Kind: d.Kind, Object: d.Object, Package: d.Package, Author: d.Author, Action: d.Action, Reason: d.Reason, Appeal: d.Appeal, Appealed: d.Appealed, Answer: d.Answer}
}

func (a *API) decisions(r *http.Request, who catalogue.Caller) ([]client.Decision, error) {
	list, err := a.depot.Catalogue.Decisions(r.Context(), who, number(r, "before"), mostAtOnce)
	out := []client.Decision{}
	for _, d := range list {
		out = append(out, describeDecision(d))
	}
	return out, err
}

// exportAll sends all that people say, in any state, a line each.
func (a *API) exportAll(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	lines := newLines(w)
	return lines.end(a.depot.Catalogue.Export(r.Context(), who, func(x catalogue.Exported) error { return lines.add(exported(x)) }))
}

func exported(x catalogue.Exported) client.Exported {
	out := client.Exported{Type: x.Type, Package: x.Package}
	switch {
	case x.Review != nil:
		v := describeReview(x.Review)
		out.Review = &v
	case x.Reply != nil:
		out.Reply = &client.Reply{ID: x.Reply.ID, Author: x.Reply.Author, Publisher: x.Reply.Publisher, Text: x.Reply.Text, State: x.Reply.State, Created: x.Reply.Created}
		out.To = x.Reply.ReviewID
	case x.Report != nil:
		out.Report, out.Kind, out.Object = &client.Report{By: x.Report.By, Reason: x.Report.Reason, At: x.Report.At.In(time.UTC)}, x.Kind, x.Object
	case x.Decision != nil:
		d := describeDecision(*x.Decision)
		out.Decision = &d
	case x.Advisory != nil:
		v := describeAdvisory(*x.Advisory)
		out.Advisory = &v
	}
	return out
}
