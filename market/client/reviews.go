package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Review is what somebody thinks of a version of a package.
type Review struct {
	ID      int64     `json:"id"`
	Author  string    `json:"author"`
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	Stars   int       `json:"stars" range:"1 5"`
	Text    string    `json:"text,omitempty"`
	State   string    `json:"state,omitempty" oneof:"held down"` // shown if empty
	Reason  string    `json:"reason,omitempty"`                  // why it is: young, burst, many, mailbox or address where it is held
	Until   time.Time `json:"until,omitzero"`                    // when what is held will be shown by itself
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Replies []Reply   `json:"replies,omitempty"`
}

// Reply is an answer to a review.
type Reply struct {
	ID        int64     `json:"id"`
	Author    string    `json:"author"`
	Publisher bool      `json:"publisher,omitempty"` // it speaks for the package's owner
	Text      string    `json:"text"`
	State     string    `json:"state,omitempty"`
	Created   time.Time `json:"created"`
}

// NewReply is an answer to give.
type NewReply struct {
	Text string `json:"text"`
}

// NewReview is an opinion of a version that the account has installed.
type NewReview struct {
	Version string `json:"version,omitempty"` // what was installed last if ""
	Stars   int    `json:"stars" range:"1 5"`
	Text    string `json:"text,omitempty"`
}

// Reviews are a part of what people say of a package.
type Reviews struct {
	Rating  float64  `json:"rating"`  // mean, 1 to 5; 0 for none
	Ratings int64    `json:"ratings"` // people
	Stars   [5]int64 `json:"stars"`   // how many gave one, two, … five
	Reviews []Review `json:"reviews"` // the newest first
	More    bool     `json:"more"`    // there are earlier ones
}

// ReviewSearch says which reviews to list. Zero fields do not matter.
type ReviewSearch struct {
	Stars  int
	Before int64 // the ID of a review: earlier ones alone
	Limit  int
}

func packagePath(name string) string { return "/api/v1/packages/" + escaped(name) }

// Rate says what the account thinks of a package.
func (c *Client) Rate(ctx context.Context, name string, n NewReview) (*Review, error) {
	var v Review
	return &v, c.ask(ctx, "PUT", packagePath(name)+"/rating", n, &v)
}

// Unrate takes that back; version "" is what was rated last.
func (c *Client) Unrate(ctx context.Context, name, version string) error {
	return c.ask(ctx, "DELETE", packagePath(name)+"/rating?version="+url.QueryEscape(version), nil, nil)
}

// Reviews lists what people say of a package.
func (c *Client) Reviews(ctx context.Context, name string, s ReviewSearch) (*Reviews, error) {
	values := url.Values{}
	for key, value := range map[string]string{"stars": number(s.Stars), "before": number(int(s.Before)), "limit": number(s.Limit)} {
		if value != "" {
			values.Set(key, value)
		}
	}
	var list Reviews
	return &list, c.ask(ctx, "GET", packagePath(name)+"/reviews?"+values.Encode(), nil, &list)
}

// ReplyTo answers a review.
func (c *Client) ReplyTo(ctx context.Context, name string, review int64, text string) error {
	return c.ask(ctx, "POST", packagePath(name)+"/reviews/"+strconv.FormatInt(review, 10)+"/replies", NewReply{text}, nil)
}

// ExportReviews writes all that people say of a package, a line of JSON each.
func (c *Client) ExportReviews(ctx context.Context, name string, w io.Writer) error {
	return c.stream(ctx, packagePath(name)+"/reviews.jsonl", w)
}

// stream copies an answer that may be long.
func (c *Client) stream(ctx context.Context, path string, w io.Writer) error {
	answer, err := c.send(ctx, "GET", path, nil, nil, http.StatusOK)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.Market(), err)
	}
	return nil
}
