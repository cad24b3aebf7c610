package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// shownReviews is how many reviews the page of a package shows, and reviewsLength how many the page of reviews.
const shownReviews, reviewsLength = 3, 20

func (h *Handler) mountReviews() {
	const name = "/{owner}/{name}"
	h.handle("GET "+name+"/reviews", h.reviews)
	h.signedIn("POST "+name+"/rate", h.rate)
	h.handle("GET "+name+"/reviews/{id}", h.review)
	h.signedIn("POST "+name+"/reviews/{id}", h.onReview)
}

// opinion is what people say of a package.
type opinion struct {
	*catalogue.Repository
	Rows     []starRow // five stars first
	List     []opinionOf
	Stars    int    // those with so many alone; 0 for all
	Next     string // link to earlier ones; "" for none
	Own      []opinionOf
	Versions []string // that the visitor may rate
	In       bool     // the visitor is signed in
	Theirs   bool     // the package is the visitor's
	Problem  string
	Typed    url.Values
	Rated    bool // he has just done so
}

// starRow is how many people gave so many stars.
type starRow struct {
	Stars, Width int // the width is in percent
	N            int64
}

// opinionOf is a review of a package, for who looks at it.
type opinionOf struct {
	*catalogue.Review
	Of    string // owner/name
	Own   bool   // the visitor's
	Reply bool   // he may answer
	In    bool   // he is signed in
}

func (h *Handler) opinionsOf(p *catalogue.Repository, who catalogue.Caller, list []*catalogue.Review) (out []opinionOf) {
	for _, v := range list {
		own := who.Account != nil && who.Account.ID == v.AuthorID
		out = append(out, opinionOf{Review: v, Of: p.FullName(), Own: own, In: who.Account != nil, Reply: v.State == catalogue.Shown && (own || p.May >= catalogue.Write)})
	}
	return out
}

// opinion finds what people say of a package: length reviews, beginning where the request says.
func (h *Handler) opinion(r *http.Request, p *catalogue.Repository, length int) (*opinion, error) {
	ctx, c, who := r.Context(), h.depot.Catalogue, visitor(r)
	o := &opinion{Repository: p, In: who.Account != nil, Rated: r.URL.Query().Has("rated")}
	counts, err := c.Stars(ctx, p)
	if err != nil {
		return nil, err
	}
	for i, n := range slices.Backward(counts[:]) {
		o.Rows = append(o.Rows, starRow{i + 1, int(100 * n / max(p.Ratings, 1)), n})
	}
	q := catalogue.ReviewQuery{Limit: length}
	if length == reviewsLength {
		q.Before, _ = strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // what is no number is the beginning
		if o.Stars, _ = strconv.Atoi(r.URL.Query().Get("stars")); o.Stars < 1 || o.Stars > 5 {
			o.Stars = 0
		}
		q.Stars = o.Stars
	}
	list, more, err := c.ReviewsOf(ctx, who, p, q)
	if err != nil {
		return nil, err
	}
	if more {
		next := url.Values{"before": {strconv.FormatInt(list[len(list)-1].ID, 10)}}
		if o.Stars > 0 {
			next.Set("stars", strconv.Itoa(o.Stars))
		}
		o.Next = "/" + p.FullName() + "/reviews?" + next.Encode()
	}
	o.List = h.opinionsOf(p, who, list)
	if who.Account == nil {
		return o, nil
	}
	own, err := c.OwnReviews(ctx, who, p)
	if err != nil {
		return nil, err
	}
	o.Own = h.opinionsOf(p, who, own)
	if o.Versions, err = c.Rateable(ctx, who.Account, p); err != nil {
		return nil, err
	}
	o.Theirs, err = c.Publishes(ctx, who.Account, p)
	return o, err
}

// packageOf is the package that a request is about.
func (h *Handler) packageOf(r *http.Request) (*catalogue.Repository, error) {
	return h.depot.Catalogue.Repository(r.Context(), visitor(r), r.PathValue("owner")+"/"+r.PathValue("name"))
}

func (h *Handler) reviews(r *http.Request) (string, string, any, error) {
	p, err := h.packageOf(r)
	if err != nil {
		return "", "", nil, err
	}
	o, err := h.opinion(r, p, reviewsLength)
	return "reviews", p.FullName(), o, err
}

// typedText is a field of several lines.
func typedText(r *http.Request, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n"))
}

func (h *Handler) rate(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	p, err := h.packageOf(r)
	if err != nil {
		return nil, err
	}
	version := strings.TrimSpace(r.PostFormValue("version"))
	if r.PostFormValue("undo") != "" {
		err = h.depot.Catalogue.Unrate(r.Context(), who, p, version)
	} else {
		stars, _ := strconv.Atoi(r.PostFormValue("stars")) // what is no number is refused as 0
		_, err = h.depot.Catalogue.Rate(r.Context(), who, p, catalogue.NewReview{Version: version, Stars: stars, Text: typedText(r, "text"), Address: auth.Network(r)})
	}
	if err == nil {
		return &reply{to: "/" + p.FullName() + "/reviews?rated#yours"}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	o, err := h.opinion(r, p, reviewsLength)
	if err != nil {
		return nil, err
	}
	o.Problem, o.Typed = problem, r.PostForm
	return &reply{name: "reviews", title: p.FullName(), body: o, status: http.StatusBadRequest}, nil
}

// reviewPage is the page of one review.
type reviewPage struct {
	opinionOf
	Done    bool
	Problem string
}

func (h *Handler) reviewPage(r *http.Request) (*catalogue.Repository, *reviewPage, error) {
	p, err := h.packageOf(r)
	if err != nil {
		return nil, nil, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, nil, catalogue.ErrNotFound
	}
	v, err := h.depot.Catalogue.Review(r.Context(), visitor(r), p, id)
	if err != nil {
		return nil, nil, err
	}
	return p, &reviewPage{opinionOf: h.opinionsOf(p, visitor(r), []*catalogue.Review{v})[0], Done: r.URL.Query().Has("done")}, nil
}

func (h *Handler) review(r *http.Request) (string, string, any, error) {
	p, v, err := h.reviewPage(r)
	if err != nil {
		return "", "", nil, err
	}
	return "review", p.FullName(), v, nil
}

// onReview does what a form below a review asks for.
func (h *Handler) onReview(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	p, v, err := h.reviewPage(r)
	if err != nil {
		return nil, err
	}
	if err = h.answerReview(r, who, p, v); err == nil {
		return &reply{to: fmt.Sprintf("/%s/reviews/%d?done", p.FullName(), v.ID)}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	v.Problem = problem
	return &reply{name: "review", title: p.FullName(), body: v, status: http.StatusBadRequest}, nil
}

func (h *Handler) answerReview(r *http.Request, who catalogue.Caller, p *catalogue.Repository, v *reviewPage) error {
	switch r.PostFormValue("action") {
	case "reply":
		return h.depot.Catalogue.ReplyTo(r.Context(), who, p, v.ID, typedText(r, "text"))
	}
	return unknownAction(r)
}

// Was is what stood in a field of the form.
func (o *opinion) Was(field string) string { return o.Typed.Get(field) }

// Changed tells whether a review is not as it was first.
func (o opinionOf) Changed() bool { return o.Updated.After(o.Created) }

// Standing says in English what has become of a review that is not shown.
func (o opinionOf) Standing() string {
	switch {
	case o.State == catalogue.Down:
		return "taken down"
	case o.Reason == catalogue.HeldMailbox:
		return "shown once you have confirmed your mail address"
	case !o.Until.IsZero():
		return "shown once your account is old enough"
	}
	return "held back until a moderator has seen it"
}

// heldFor says in English why a review is held.
var heldFor = map[string]string{
	catalogue.HeldYoung: "Your account is new.", catalogue.HeldBurst: "Many ratings came at once.", catalogue.HeldMany: "You have rated many packages at once.",
	catalogue.HeldMailbox: "One person has one account: confirm your mail address, or sign in by a provider.",
	catalogue.HeldAddress: "Several accounts at one network address rate this package.",
}

// Because says in English why a review is not shown; of one that was taken down in the moderator's words.
func (o opinionOf) Because() string {
	if sentence := heldFor[o.Reason]; sentence != "" && o.State == catalogue.Held {
		return sentence
	}
	return o.Reason
}
