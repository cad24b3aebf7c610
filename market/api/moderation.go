package api

import (
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) mountModeration() {
	const name = "/api/v1/packages/{owner}/{name}"
	a.handle("POST "+name+"/reports", a.report)
	a.handle("POST "+name+"/appeals", a.appeal)
	a.handle("GET "+name+"/advisories", a.advisories)
	a.handle("POST "+name+"/advisories", a.advise)
	a.handle("DELETE "+name+"/advisories/{id}", a.withdraw)
	a.handle("GET /api/v1/moderation", a.queue)
	a.handle("POST /api/v1/moderation", a.decide)
	a.handle("GET /api/v1/moderation/decisions", a.decisions)
	a.handle("GET /api/v1/moderation/export.jsonl", a.exportAll)
}

// object is the number of what a request is about: the package's own where it is the package.
func object(kind string, id int64, r *catalogue.Repository) int64 {
	if kind == catalogue.APackage {
		return r.ID
	}
	return id
}

func (a *API) report(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	return a.complain(w, r, who, func(p *catalogue.Repository, c client.Complaint) error {
		return a.depot.Catalogue.Report(r.Context(), who, p, c.Kind, object(c.Kind, c.ID, p), c.Reason)
	})
}

func (a *API) appeal(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	return a.complain(w, r, who, func(p *catalogue.Repository, c client.Complaint) error {
		return a.depot.Catalogue.Appeal(r.Context(), who, p, c.Kind, object(c.Kind, c.ID, p), c.Reason)
	})
}

func (a *API) complain(w http.ResponseWriter, r *http.Request, who catalogue.Caller, do func(*catalogue.Repository, client.Complaint) error) error {
	var c client.Complaint
	if err := read(r, &c); err != nil {
		return err
	}
	if err := who.Needs(catalogue.Write); err != nil {
		return err
	}
	p, err := a.repository(r, who)
	if err == nil {
		err = do(p, c)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func describeAdvisory(v catalogue.Advisory) client.Advisory {
	return client.Advisory{ID: v.ID, Package: v.Package, Severity: v.Severity, Title: v.Title, Text: v.Text, Affected: v.Affected, Fixed: v.Fixed, Author: v.Author, Created: v.Created, Withdrawn: v.Withdrawn}
}

// advisories answers with those of a package; with ?of= a digest or a version also with what else speaks against that.
func (a *API) advisories(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	p, err := a.repository(r, who)
	if err != nil {
		return err
	}
	out := client.Standing{Name: p.FullName(), Advisories: []client.Advisory{}}
	var list []catalogue.Advisory
	if of := r.URL.Query().Get("of"); of != "" {
		d := digest.Digest(of)
		if d.Validate() != nil { // what is no digest is a name
			t, err := a.depot.Catalogue.Resolve(r.Context(), p, of)
			if err != nil {
				return err
			}
			d = t.Manifest.Digest
		}
		s, err := a.depot.Catalogue.StandingOf(r.Context(), p, d)
		if err != nil {
			return err
		}
		out.Digest, out.Versions, out.State, out.Reason, out.Successor, list = d.String(), s.Versions, s.State, s.Reason, s.Successor, s.Advisories
	} else if list, err = a.depot.Catalogue.Advisories(r.Context(), p); err != nil {
		return err
	}
	for _, v := range list {
		out.Advisories = append(out.Advisories, describeAdvisory(v))
	}
	return write(w, http.StatusOK, out)
}

func (a *API) advise(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var n client.Advisory
	if err := read(r, &n); err != nil {
		return err
	}
	p, err := a.repository(r, who)
	if err != nil {
		return err
	}
	v, err := a.depot.Catalogue.Advise(r.Context(), who, p, catalogue.Advisory{Severity: n.Severity, Title: n.Title, Text: n.Text, Affected: n.Affected, Fixed: n.Fixed})
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, describeAdvisory(*v))
}

func (a *API) withdraw(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	id, err := whole("the advisory", r.PathValue("id"), highestID)
	if err != nil {
		return err
	}
	p, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.WithdrawAdvisory(r.Context(), who, p, id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) queue(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	list, waiting, err := a.depot.Catalogue.Queue(r.Context(), who, mostAtOnce)
	if err != nil {
		return err
	}
	out := client.Queue{Cases: []client.Case{}, Waiting: waiting}
	for _, x := range list {
		one := client.Case{Kind: x.Kind, ID: x.Object, Package: x.Package, Author: x.Author, Version: x.Version, Stars: x.Stars, Text: x.Text, State: x.State, Reason: x.Reason, Created: x.Created, Appeal: x.Appeal}
		for _, p := range x.Reports {
			one.Reports = append(one.Reports, client.Report{By: p.By, Reason: p.Reason, At: p.At})
		}
		out.Cases = append(out.Cases, one)
	}
	return write(w, http.StatusOK, out)
}

func (a *API) decide(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var d client.NewDecision
	if err := read(r, &d); err != nil {
		return err
	}
	err := who.Needs(catalogue.Admin)
	if err == nil && d.Package != "" { // all that is held of it, or the package itself
		var p *catalogue.Repository
		if p, err = a.depot.Catalogue.Repository(r.Context(), who, d.Package); err == nil && d.Kind == "" {
			_, err = a.depot.Catalogue.DecideHeld(r.Context(), who, p, d.Action, d.Reason)
		} else if err == nil {
			err = a.depot.Catalogue.Decide(r.Context(), who, d.Kind, object(d.Kind, d.ID, p), d.Action, d.Reason)
		}
	} else if err == nil {
		err = a.depot.Catalogue.Decide(r.Context(), who, d.Kind, d.ID, d.Action, d.Reason)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func describeDecision(d catalogue.Decision) client.Decision {
	return client.Decision{ID: d.ID, At: d.At, Moderator: d.Moderator, Kind: d.Kind, Object: d.Object, Package: d.Package, Author: d.Author, Action: d.Action, Reason: d.Reason, Appeal: d.Appeal, Appealed: d.Appealed, Answer: d.Answer}
}

func (a *API) decisions(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	before, err := whole("before", r.URL.Query().Get("before"), highestID)
	if err != nil {
		return err
	}
	list, err := a.depot.Catalogue.Decisions(r.Context(), who, before, mostAtOnce)
	if err != nil {
		return err
	}
	out := []client.Decision{}
	for _, d := range list {
		out = append(out, describeDecision(d))
	}
	return write(w, http.StatusOK, out)
}

// exportAll sends all that people say, in any state, a line each.
func (a *API) exportAll(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := who.Needs(catalogue.Admin); err != nil { // nobody is the holder of the data folder here
		return err
	}
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
