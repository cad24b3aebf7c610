package client

import (
	"context"
	"net/url"
	"time"
)

// Collection is a list of packages that somebody has put together.
type Collection struct {
	Name        string    `json:"name"` // owner/slug
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	Private     bool      `json:"private"`
	Count       int       `json:"count"` // of packages that the account may see
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Items       []Item    `json:"items,omitempty"` // in its order; not in lists
}

// Item is a package in a collection.
type Item struct {
	Package
	Note  string    `json:"note,omitempty"`
	Added time.Time `json:"added"`
	Gone  bool      `json:"gone,omitempty"` // all of its versions were taken back
}

// NewCollection is one to make.
type NewCollection struct {
	Owner       string `json:"owner,omitempty"` // the account itself if ""
	Slug        string `json:"slug,omitempty"`  // its name in addresses, made of the title if ""
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Private     bool   `json:"private,omitempty"`
}

// CollectionSettings are what may be changed of a collection; nil stays.
type CollectionSettings struct {
	Title       *string `json:"title,omitempty"`
	Description *string `json:"description,omitempty"`
	Private     *bool   `json:"private,omitempty"`
}

// ItemSettings are what may be said of a package in a collection; nil stays.
type ItemSettings struct {
	Note  *string `json:"note,omitempty"`
	Place *int    `json:"place,omitempty" range:"0 1000"` // in the order, from 0 on
}

// CollectionSearch says which collections to list. Zero fields do not matter.
type CollectionSearch struct {
	Text          string
	Owner         string
	Package       string // owner/name: those that have it
	Limit, Offset int
}

// Collections are a part of a list.
type Collections struct {
	Collections []Collection `json:"collections"`
	More        bool         `json:"more"`
}

func collection(name string) string { return "/api/v1/collections/" + escaped(name) }

// escaped is owner/name as it stands in a path.
func escaped(name string) string { return (&url.URL{Path: name}).EscapedPath() }

// Collections lists those that the account may see, the last changed first.
func (c *Client) Collections(ctx context.Context, s CollectionSearch) (*Collections, error) {
	values := url.Values{}
	for key, value := range map[string]string{"q": s.Text, "owner": s.Owner, "package": s.Package, "limit": number(s.Limit), "offset": number(s.Offset)} {
		if value != "" {
			values.Set(key, value)
		}
	}
	var list Collections
	return &list, c.ask(ctx, "GET", "/api/v1/collections?"+values.Encode(), nil, &list)
}

// Collection tells of one, with its packages.
func (c *Client) Collection(ctx context.Context, name string) (*Collection, error) {
	var l Collection
	return &l, c.ask(ctx, "GET", collection(name), nil, &l)
}

// CreateCollection makes an empty one.
func (c *Client) CreateCollection(ctx context.Context, n NewCollection) (*Collection, error) {
	var l Collection
	return &l, c.ask(ctx, "POST", "/api/v1/collections", n, &l)
}

// ConfigureCollection changes settings of one.
func (c *Client) ConfigureCollection(ctx context.Context, name string, s CollectionSettings) error {
	return c.ask(ctx, "PATCH", collection(name), s, nil)
}

// DeleteCollection removes one; its packages stay.
func (c *Client) DeleteCollection(ctx context.Context, name string) error {
	return c.ask(ctx, "DELETE", collection(name), nil, nil)
}

// Collect puts a package into a collection, or changes its note and its place there.
func (c *Client) Collect(ctx context.Context, name, pack string, s ItemSettings) error {
	return c.ask(ctx, "PUT", collection(name)+"/items/"+escaped(pack), s, nil)
}

// Uncollect takes a package out of a collection.
func (c *Client) Uncollect(ctx context.Context, name, pack string) error {
	return c.ask(ctx, "DELETE", collection(name)+"/items/"+escaped(pack), nil, nil)
}
