package api

import (
	"encoding/json"
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) reviewRoutes() []route {
	version := []parameter{text("version", "the version; what was rated last if it is left out")}
	some := []parameter{whole("stars", "those with so many stars alone", 0, 5), beforeParameter, limitParameter}
	return []route{
		{"PUT " + aPackage + "/rating", "rate", "Rates a version that the account has installed.", catalogue.Write, nil, exchanges(http.StatusOK, a.rate)},
		{"DELETE " + aPackage + "/rating", "unrate", "Takes a rating back.", catalogue.Write, version, does(a.unrate)},
		{"GET " + aPackage + "/reviews", "listReviews", "Tells what people say of a package, the newest first.", catalogue.None, some, answers(a.reviews)},
		{"GET " + aPackage + "/reviews.jsonl", "exportReviews", "Tells all that people say of a package, a line each.", catalogue.None, nil, writes[client.Review](linesMedia, a.exportReviews)},
		{"POST " + aPackage + "/reviews/{id}/replies", "reply", "Answers a review.", catalogue.Write, nil, reads(a.reply)},
	}
}

func describeReview(v *catalogue.Review) client.Review {
	out := client.Review{ID: v.ID, Author: v.Author, Version: v.Version, Digest: v.Digest.String(), Stars: v.Stars, Text: v.Text, State: v.State, Reason: v.Reason, Until: v.Until, Created: v.Created, Updated: v.Updated}
	for _, p := range v.Replies {
		out.Replies = append(out.Replies, client.Reply{ID: p.ID, Author: p.Author, Publisher: p.Publisher, Text: p.Text, State: p.State, Created: p.Created})
	}
	return out
}

func (a *API) rate(r *http.Request, who catalogue.Caller, n client.NewReview) (client.Review, error) {
	repository, err := a.repository(r, who)
	if err != nil {
		return client.Review{}, err
	}
	v, err := a.depot.Catalogue.Rate(r.Context(), who, repository, catalogue.NewReview{Version: n.Version, Stars: n.Stars, Text: n.Text, Address: auth.Network(r)})
	if err != nil {
		return client.Review{}, err
	}
	return describeReview(v), nil
}

func (a *API) unrate(r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.Unrate(r.Context(), who, repository, r.URL.Query().Get("version"))
}

func (a *API) reviews(r *http.Request, who catalogue.Caller) (*client.Reviews, error) {
	repository, err := a.repository(r, who)
	if err != nil {
		return nil, err
	}
	out := &client.Reviews{Rating: repository.Mean(), Ratings: repository.Ratings, Reviews: []client.Review{}}
	if out.Stars, err = a.depot.Catalogue.Stars(r.Context(), repository); err != nil {
		return nil, err
	}
	q := catalogue.ReviewQuery{Ratings: true, Stars: int(number(r, "stars")), Before: number(r, "before"), Limit: int(number(r, "limit"))}
	list, more, err := a.depot.Catalogue.ReviewsOf(r.Context(), who, repository, q)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		out.Reviews = append(out.Reviews, describeReview(v))
	}
	out.More = more
	return out, nil
}

// exportReviews sends all that everybody may read of a package, a line each, the newest first.
func (a *API) exportReviews(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	q := catalogue.ReviewQuery{Ratings: true, Limit: 500}
	lines := newLines(w)
	for more := true; more; {
		var list []*catalogue.Review
		if list, more, err = a.depot.Catalogue.ReviewsOf(r.Context(), who, repository, q); err != nil {
			return lines.end(err)
		}
		for _, v := range list {
			if err := lines.add(describeReview(v)); err != nil {
				return lines.end(err)
			}
			q.Before = v.ID
		}
	}
	return lines.end(nil)
}

// lines is an answer of JSON lines.
type lines struct {
	w     http.ResponseWriter
	to    *json.Encoder
	begun bool
}

func newLines(w http.ResponseWriter) *lines { return &lines{w: w, to: json.NewEncoder(w)} }

func (l *lines) begin() {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", linesMedia+"; charset=utf-8")
		l.w.WriteHeader(http.StatusOK)
	}
}

func (l *lines) add(v any) error {
	l.begin()
	return l.to.Encode(v)
}

// end returns an error that can still be told; once lines have been sent, it breaks the answer off, so that no client takes
// it for whole.
func (l *lines) end(err error) error {
	if err == nil {
		l.begin()
		return nil
	}
	if l.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

func (a *API) reply(r *http.Request, who catalogue.Caller, p client.NewReply) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.ReplyTo(r.Context(), who, repository, id(r), p.Text)
}
