package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Member is somebody's place in an organisation, or an organisation that somebody has a place in.
type Member struct {
	Name     string `json:"name"`
	FullName string `json:"full_name,omitempty"`
	Role     string `json:"role" oneof:"read write admin"`
}

// NewMember is the role that somebody shall have.
type NewMember struct {
	Role string `json:"role" oneof:"read write admin"`
}

// Organisation is a name that several people publish under.
type Organisation struct {
	Name     string   `json:"name"`
	FullName string   `json:"full_name,omitempty"`
	About    string   `json:"about,omitempty"`
	Link     string   `json:"link,omitempty"`
	Members  []Member `json:"members"`
	Bytes    int64    `json:"bytes"` // of all files, each counted once
	Packages int      `json:"packages"`
}

// NewOrganisation is one to make.
type NewOrganisation struct {
	Name     string `json:"name"`
	FullName string `json:"full_name,omitempty"`
}

// Invitation lets one person become a member of an organisation, by a link that is told once.
type Invitation struct {
	Role string `json:"role" oneof:"read write admin"`
	Note string `json:"note,omitempty"` // for whom it is
	Link string `json:"link"`
}

// NewInvitation is one to make.
type NewInvitation struct {
	Role string `json:"role" oneof:"read write admin"`
	Note string `json:"note,omitempty"` // for whom it is
}

// Entry is one of the log of what was done.
type Entry struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"` // "" for the holder of the data folder
	Action string    `json:"action"`
	Object string    `json:"object"`
	Detail string    `json:"detail,omitempty"`
}

// Settings are what may be changed of a package; what is nil or empty stays.
type Settings struct {
	Private     *bool   `json:"private,omitempty"`
	Gated       *string `json:"gated,omitempty" oneof:"auto manual "` // empty for none
	Description *string `json:"description,omitempty"`
	Name        string  `json:"name,omitempty"` // another owner/name
}

func organisation(name string) string { return "/api/v1/organisations/" + url.PathEscape(name) }

// Organisations lists those that the account is a member of, with its role in each.
func (c *Client) Organisations(ctx context.Context) (list []Member, err error) {
	return list, c.ask(ctx, "GET", "/api/v1/organisations", nil, &list)
}

// CreateOrganisation makes one, whose first administrator the account is.
func (c *Client) CreateOrganisation(ctx context.Context, n NewOrganisation) (*Organisation, error) {
	var o Organisation
	return &o, c.ask(ctx, "POST", "/api/v1/organisations", n, &o)
}

// Organisation tells of one that the account is a member of.
func (c *Client) Organisation(ctx context.Context, name string) (*Organisation, error) {
	var o Organisation
	return &o, c.ask(ctx, "GET", organisation(name), nil, &o)
}

// SetMember gives somebody a role in an organisation, "" to take it away.
func (c *Client) SetMember(ctx context.Context, name, member, role string) error {
	path := organisation(name) + "/members/" + url.PathEscape(member)
	if role == "" {
		return c.ask(ctx, "DELETE", path, nil, nil)
	}
	return c.ask(ctx, "PUT", path, NewMember{role}, nil)
}

// Invite makes an invitation to an organisation, and returns its link.
func (c *Client) Invite(ctx context.Context, name string, i NewInvitation) (link string, err error) {
	var made Invitation
	err = c.ask(ctx, "POST", organisation(name)+"/invitations", i, &made)
	return made.Link, err
}

// Audit lists what was done to an owner and its packages, newest first; to all of the market if owner is "".
func (c *Client) Audit(ctx context.Context, owner, actor string, limit int) (list []Entry, err error) {
	q := url.Values{"owner": {owner}, "actor": {actor}, "limit": {strconv.Itoa(limit)}}
	return list, c.ask(ctx, "GET", "/api/v1/audit?"+q.Encode(), nil, &list)
}

// Configure changes settings of a package.
func (c *Client) Configure(ctx context.Context, name string, s Settings) error {
	return c.ask(ctx, "PATCH", "/api/v1/packages/"+name, s, nil)
}

// Delete removes a package with all its versions, or one version of it.
func (c *Client) Delete(ctx context.Context, name, version string) error {
	path := "/api/v1/packages/" + name
	if version != "" {
		path += "/versions/" + url.PathEscape(version)
	}
	return c.ask(ctx, "DELETE", path, nil, nil)
}

// Like says that the account likes a package, or no longer does.
func (c *Client) Like(ctx context.Context, name string, likes bool) error {
	method := "DELETE"
	if likes {
		method = "PUT"
	}
	return c.ask(ctx, method, "/api/v1/packages/"+name+"/like", nil, nil)
}
