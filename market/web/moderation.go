package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

func (h *Handler) mountModeration() {
	const name = "/{owner}/{name}"
	for _, what := range []string{"report", "appeal"} {
		h.signedIn("GET "+name+"/"+what, func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
			return h.complaint(r, what, "")
		})
		h.signedIn("POST "+name+"/"+what, func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
			return h.complain(r, what, who)
		})
	}
	h.signedIn("GET /admin/moderation", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.queue(r, who, queuePage{Done: r.URL.Query().Has("done")})
	})
	h.signedIn("POST /admin/moderation", h.decide)
	h.signedIn("GET /admin/moderation/decisions", h.decisions)
}

// complaint is a page with one form: a report to moderators, or an appeal to them.
type complaint struct {
	*catalogue.Repository
	What     string // report or appeal
	Kind     string // of what it is about
	ID       int64
	Decision *catalogue.Decision // that an appeal is against
	Done     bool
	Problem  string
	Text     string // what stood in the form
}

// about reads what a complaint is about: the package, if nothing is said.
func (h *Handler) about(r *http.Request, what string) (*complaint, error) {
	p, err := h.packageOf(r)
	if err != nil {
		return nil, err
	}
	c := &complaint{Repository: p, What: what, Kind: r.FormValue("kind"), Done: r.URL.Query().Has("done"), Text: typedText(r, "reason")}
	if c.Kind != catalogue.AReview && c.Kind != catalogue.AReply {
		c.Kind, c.ID = catalogue.APackage, p.ID
		return c, nil
	}
	if c.ID, err = strconv.ParseInt(r.FormValue("id"), 10, 64); err != nil {
		return nil, catalogue.ErrNotFound
	}
	return c, nil
}

func (h *Handler) complaint(r *http.Request, what, problem string) (*reply, error) {
	c, err := h.about(r, what)
	if err != nil {
		return nil, err
	}
	title := "Report to the moderators"
	if what == "appeal" {
		title = "Appeal"
	}
	c.Problem = problem
	a := &reply{name: "complaint", title: vocabulary[lang(r)].T(title), body: c}
	if problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func (h *Handler) complain(r *http.Request, what string, who catalogue.Caller) (*reply, error) {
	c, err := h.about(r, what)
	if err != nil {
		return nil, err
	}
	if what == "appeal" {
		err = h.depot.Catalogue.Appeal(r.Context(), who, c.Repository, c.Kind, c.ID, c.Text)
	} else {
		err = h.depot.Catalogue.Report(r.Context(), who, c.Repository, c.Kind, c.ID, c.Text)
	}
	if err == nil {
		to := url.Values{"done": {""}, "kind": {c.Kind}, "id": {strconv.FormatInt(c.ID, 10)}}
		return &reply{to: "/" + c.FullName() + "/" + what + "?" + to.Encode()}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.complaint(r, what, problem)
}

// queuePage is what waits for a moderator.
type queuePage struct {
	Cases   []caseOf
	Waiting int
	Held    []string // packages of which several reviews are held
	Done    bool
	Problem string
}

// caseOf is a case with what a page says of it.
type caseOf struct {
	*catalogue.Case
	Link string
}

// queueLength is how many cases a page shows.
const queueLength = 50

func (h *Handler) queue(r *http.Request, who catalogue.Caller, p queuePage) (*reply, error) {
	list, waiting, err := h.depot.Catalogue.Queue(r.Context(), who, queueLength)
	if err != nil {
		return nil, err
	}
	held := map[string]int{}
	for _, x := range list {
		link := "/" + x.Package
		if x.Review > 0 {
			link = fmt.Sprintf("/%s/reviews/%d", x.Package, x.Review)
		}
		p.Cases = append(p.Cases, caseOf{x, link})
		if x.State == catalogue.Held {
			if held[x.Package]++; held[x.Package] == 2 {
				p.Held = append(p.Held, x.Package)
			}
		}
	}
	p.Waiting = waiting
	a := &reply{name: "moderation", title: vocabulary[lang(r)].T("Moderation"), body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func (h *Handler) decide(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	c, action, reason := h.depot.Catalogue, r.PostFormValue("action"), typedText(r, "reason")
	var err error
	if name := r.PostFormValue("held"); name != "" {
		var p *catalogue.Repository
		if p, err = c.Repository(r.Context(), who, name); err == nil {
			_, err = c.DecideHeld(r.Context(), who, p, action, reason)
		}
	} else {
		id, _ := strconv.ParseInt(r.PostFormValue("id"), 10, 64) // 0 is not found
		err = c.Decide(r.Context(), who, r.PostFormValue("kind"), id, action, reason)
	}
	if err == nil {
		return &reply{to: "/admin/moderation?done"}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.queue(r, who, queuePage{Problem: problem})
}

// decisionsPage is a part of what was decided.
type decisionsPage struct {
	List []catalogue.Decision
	Next string // link
}

func (h *Handler) decisions(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // what is no number is the beginning
	list, err := h.depot.Catalogue.Decisions(r.Context(), who, before, auditLength)
	if err != nil {
		return nil, err
	}
	p := &decisionsPage{List: list}
	if len(list) == auditLength {
		p.Next = "?before=" + strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	return &reply{name: "decisions", title: vocabulary[lang(r)].T("Decisions"), body: p}, nil
}
