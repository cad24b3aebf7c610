package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) mountReviews() {
	const name = "/api/v1/packages/{owner}/{name}"
	a.handle("PUT "+name+"/rating", a.rate)
	a.handle("DELETE "+name+"/rating", a.unrate)
	a.handle("GET "+name+"/reviews", a.reviews)
	a.handle("GET "+name+"/reviews.jsonl", a.exportReviews)
	a.handle("POST "+name+"/reviews/{id}/replies", a.reply)
}

func describeReview(v *catalogue.Review) client.Review {
	out := client.Review{ID: v.ID, Author: v.Author, Version: v.Version, Digest: v.Digest.String(), Stars: v.Stars, Text: v.Text, State: v.State, Reason: v.Reason, Until: v.Until, Created: v.Created, Updated: v.Updated}
	for _, p := range v.Replies {
		out.Replies = append(out.Replies, client.Reply{ID: p.ID, Author: p.Author, Publisher: p.Publisher, Text: p.Text, State: p.State, Created: p.Created})
	}
	return out
}

func (a *API) rate(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var n client.NewReview
	if err := read(r, &n); err != nil {
		return err
	}
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	v, err := a.depot.Catalogue.Rate(r.Context(), who, repository, catalogue.NewReview{Version: n.Version, Stars: n.Stars, Text: n.Text, Address: auth.Network(r)})
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, describeReview(v))
}

func (a *API) unrate(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.Unrate(r.Context(), who, repository, r.URL.Query().Get("version"))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// whole reads a number of a request's query or path; 0 where there is none.
func whole(key, text string, most int64) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, &badRequest{fmt.Errorf("%s: %.40q is no number from 0 to %d", key, text, most)}
	}
	return n, nil
}

const highestID = 1<<63 - 1

func (a *API) reviews(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	q := catalogue.ReviewQuery{Ratings: true}
	values := r.URL.Query()
	stars, err := whole("stars", values.Get("stars"), 5)
	if err == nil {
		q.Before, err = whole("before", values.Get("before"), highestID)
	}
	if err == nil {
		err = bounds(r, &q.Limit, new(int), 0)
	}
	if err != nil {
		return err
	}
	q.Stars = int(stars)
	out := client.Reviews{Rating: repository.Mean(), Ratings: repository.Ratings, Reviews: []client.Review{}}
	counts, err := a.depot.Catalogue.Stars(r.Context(), repository)
	if err != nil {
		return err
	}
	out.Stars = counts
	list, more, err := a.depot.Catalogue.ReviewsOf(r.Context(), who, repository, q)
	if err != nil {
		return err
	}
	for _, v := range list {
		out.Reviews = append(out.Reviews, describeReview(v))
	}
	out.More = more
	return write(w, http.StatusOK, out)
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
		l.w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
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

func (a *API) reply(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var p client.Reply
	if err := read(r, &p); err != nil {
		return err
	}
	id, err := whole("the review", r.PathValue("id"), highestID)
	if err != nil {
		return err
	}
	repository, err := a.repository(r, who)
	if err == nil {
		err = a.depot.Catalogue.ReplyTo(r.Context(), who, repository, id, p.Text)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
