package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Advisory says what is dangerous about versions of a package.
type Advisory struct {
	ID        int64     `json:"id"`
	Package   string    `json:"package"`
	Severity  string    `json:"severity" oneof:"low medium high critical"`
	Title     string    `json:"title"`
	Text      string    `json:"text,omitempty"`
	Affected  string    `json:"affected"`        // versions, as ">=1.0.0 <1.2.0 || 2.0.0", or *
	Fixed     string    `json:"fixed,omitempty"` // version to take instead
	Author    string    `json:"author"`
	Created   time.Time `json:"created"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// NewAdvisory is one to publish.
type NewAdvisory struct {
	Severity string `json:"severity" oneof:"low medium high critical"`
	Title    string `json:"title"`
	Text     string `json:"text,omitempty"`
	Affected string `json:"affected"`        // versions, as ">=1.0.0 <1.2.0 || 2.0.0", or *
	Fixed    string `json:"fixed,omitempty"` // version to take instead
}

// Standing is what speaks against a package: against one of its versions, if one was named.
type Standing struct {
	Name       string     `json:"name"`
	Digest     string     `json:"digest,omitempty"`
	Versions   []string   `json:"versions,omitempty"` // names of the digest
	State      string     `json:"state,omitempty"`    // yanked or deprecated
	Reason     string     `json:"reason,omitempty"`
	Successor  string     `json:"successor,omitempty"`
	Advisories []Advisory `json:"advisories"`
}

// Complaint is about a review, a reply, or the package itself.
type Complaint struct {
	Kind   string `json:"kind" oneof:"review reply package"`
	ID     int64  `json:"id,omitempty"` // of the review or the reply
	Reason string `json:"reason"`
}

// Report is what somebody has against something.
type Report struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Case is something that waits for a moderator.
type Case struct {
	Kind    string    `json:"kind"`
	ID      int64     `json:"id"`
	Package string    `json:"package"`
	Author  string    `json:"author"`
	Version string    `json:"version,omitempty"`
	Stars   int       `json:"stars,omitempty"`
	Text    string    `json:"text,omitempty"`
	State   string    `json:"state,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Created time.Time `json:"created"`
	Reports []Report  `json:"reports,omitempty"`
	Appeal  string    `json:"appeal,omitempty"`
}

// Queue is what waits: the first cases, and how many there are.
type Queue struct {
	Cases   []Case `json:"cases"`
	Waiting int    `json:"waiting"`
}

// NewDecision is a moderator's: about one thing, or with a package and no kind about all that is held of it.
type NewDecision struct {
	Kind    string `json:"kind,omitempty" oneof:"review reply package"`
	ID      int64  `json:"id,omitempty"`
	Package string `json:"package,omitempty"` // owner/name
	Action  string `json:"action" oneof:"down show dismiss"`
	Reason  string `json:"reason"`
}

// Decision is one that was taken.
type Decision struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Moderator string    `json:"moderator"`
	Kind      string    `json:"kind"`
	Object    int64     `json:"object"`
	Package   string    `json:"package"`
	Author    string    `json:"author"`
	Action    string    `json:"action"`
	Reason    string    `json:"reason"`
	Appeal    string    `json:"appeal,omitempty"`
	Appealed  time.Time `json:"appealed,omitzero"`
	Answer    int64     `json:"answer,omitempty"` // the decision that answers the appeal
}

// Exported is a line of an export of all that people say.
type Exported struct {
	Type     string    `json:"type" oneof:"review reply report decision advisory"`
	Package  string    `json:"package"`
	Review   *Review   `json:"review,omitempty"`
	Reply    *Reply    `json:"reply,omitempty"`
	To       int64     `json:"to,omitempty"` // the review that a reply is to
	Report   *Report   `json:"report,omitempty"`
	Kind     string    `json:"kind,omitempty"` // of what was reported
	Object   int64     `json:"object,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	Advisory *Advisory `json:"advisory,omitempty"`
}

// Report tells moderators of something, and Appeal what its author has against a decision.
func (c *Client) Report(ctx context.Context, name string, about Complaint) error {
	return c.ask(ctx, "POST", packagePath(name)+"/reports", about, nil)
}

// Appeal says what the author of something has against the decision about it.
func (c *Client) Appeal(ctx context.Context, name string, about Complaint) error {
	return c.ask(ctx, "POST", packagePath(name)+"/appeals", about, nil)
}

// Standing asks what speaks against a package, or one of its versions: a name or a digest.
func (c *Client) Standing(ctx context.Context, name, of string) (*Standing, error) {
	var s Standing
	return &s, c.ask(ctx, "GET", packagePath(name)+"/advisories?of="+url.QueryEscape(of), nil, &s)
}

// Advise publishes an advisory.
func (c *Client) Advise(ctx context.Context, name string, a NewAdvisory) (*Advisory, error) {
	var made Advisory
	return &made, c.ask(ctx, "POST", packagePath(name)+"/advisories", a, &made)
}

// WithdrawAdvisory says that one no longer holds.
func (c *Client) WithdrawAdvisory(ctx context.Context, name string, id int64) error {
	return c.ask(ctx, http.MethodDelete, packagePath(name)+"/advisories/"+strconv.FormatInt(id, 10), nil, nil)
}

// Queue asks what waits for a moderator.
func (c *Client) Queue(ctx context.Context) (*Queue, error) {
	var q Queue
	return &q, c.ask(ctx, "GET", "/api/v1/moderation", nil, &q)
}

// Decide takes a moderator's decision.
func (c *Client) Decide(ctx context.Context, d NewDecision) error {
	return c.ask(ctx, "POST", "/api/v1/moderation", d, nil)
}

// Decisions lists those that were taken, the newest first, those before one if before is not 0.
func (c *Client) Decisions(ctx context.Context, before int64) (list []Decision, err error) {
	return list, c.ask(ctx, "GET", "/api/v1/moderation/decisions?before="+strconv.FormatInt(before, 10), nil, &list)
}

// ExportModeration writes all that people say, in any state, and what was decided, a line of JSON each.
func (c *Client) ExportModeration(ctx context.Context, w io.Writer) error {
	return c.stream(ctx, "/api/v1/moderation/export.jsonl", w)
}
