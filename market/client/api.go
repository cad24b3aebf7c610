package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
)

// What the market's own API under /api/v1/ says, in both directions: its document is written of these types and their
// comments. A field of what is sent that is not omitted where it is empty is needed; the tag oneof has the values that there
// are, and range the least and the highest.

// Errors is what the market answers where something is wrong.
type Errors struct {
	Errors []Error `json:"errors"`
	Error  string  `json:"error,omitempty"` // the message once more, where a request is not even looked at
}

// Error is one of them.
type Error struct {
	Code    string `json:"code"`    // as the OCI distribution API has them
	Message string `json:"message"` // what was asked, why that fails, and the way out
}

// Person is who a token belongs to.
type Person struct {
	Name          string            `json:"name"`
	FullName      string            `json:"full_name,omitempty"`
	Scope         string            `json:"scope" oneof:"read write admin"` // of the token
	Token         string            `json:"token,omitempty"`
	Organisations map[string]string `json:"organisations,omitempty"` // with the role in each
}

// Package is what a market knows of one.
type Package struct {
	Name        string              `json:"name"`                                    // owner/name
	Kind        string              `json:"kind" oneof:"model dataset application "` // empty where nothing was pushed yet
	Private     bool                `json:"private"`
	Title       string              `json:"title,omitempty"`
	Description string              `json:"description,omitempty"`
	Licence     string              `json:"licence,omitempty"`
	Task        string              `json:"task,omitempty"`
	Family      string              `json:"family,omitempty"`
	Labels      map[string][]string `json:"labels,omitempty"` // language, tag, dataset, base_model, dependency
	Size        int64               `json:"size"`             // bytes of the latest version's files
	Downloads   int64               `json:"downloads"`
	Likes       int64               `json:"likes"`
	Rating      float64             `json:"rating,omitempty"`  // mean of what people gave it, 1 to 5 stars
	Ratings     int64               `json:"ratings,omitempty"` // people who have rated it
	Created     time.Time           `json:"created"`
	Updated     time.Time           `json:"updated"`
	Versions    []Version           `json:"versions,omitempty"` // highest first, then channels and tags
	Digest      string              `json:"digest,omitempty"`   // of the version that was asked for
	Files       []File              `json:"files,omitempty"`    // of that
	Signatures  []Signature         `json:"signatures,omitempty"`
	Findings    []inspect.Finding   `json:"findings,omitempty"` // of its inspection, when it was published
}

// Version is a version, a channel or a tag of a package.
type Version struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind" oneof:"version branch tag"`
	Digest    string    `json:"digest"`
	Commit    string    `json:"commit,omitempty"`
	Updated   time.Time `json:"updated"`
	State     string    `json:"state,omitempty" oneof:"deprecated yanked"`
	Reason    string    `json:"reason,omitempty"`
	Successor string    `json:"successor,omitempty"`
}

// File is one of a package.
type File struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// Signature is one of a version, which the market has found to be right.
type Signature struct {
	Key    string    `json:"key"`    // fingerprint
	Digest string    `json:"digest"` // of its manifest
	At     time.Time `json:"at"`
}

// Key is a public key of an account.
type Key struct {
	Fingerprint string    `json:"fingerprint"`
	PEM         string    `json:"pem"`
	Name        string    `json:"name,omitempty"`
	Added       time.Time `json:"added"`
}

// NewKey is a public key to add.
type NewKey struct {
	PEM  string `json:"pem"`            // a PEM file's text
	Name string `json:"name,omitempty"` // for people
}

// Keys lists those of an account.
func (c *Client) Keys(ctx context.Context, owner string) (list []Key, err error) {
	err = c.ask(ctx, "GET", "/api/v1/keys/"+url.PathEscape(owner), nil, &list)
	return list, err
}

// AddKey gives an account a public key (a PEM file's text), under a name for people.
func (c *Client) AddKey(ctx context.Context, owner string, pem []byte, name string) error {
	return c.ask(ctx, "POST", "/api/v1/keys/"+url.PathEscape(owner), NewKey{PEM: string(pem), Name: name}, nil)
}

// RemoveKey takes one away.
func (c *Client) RemoveKey(ctx context.Context, owner, fingerprint string) error {
	return c.ask(ctx, "DELETE", "/api/v1/keys/"+url.PathEscape(owner)+"/"+url.PathEscape(fingerprint), nil, nil)
}

// NewPackage is a name to take before anything is pushed.
type NewPackage struct {
	Name    string `json:"name"`                                             // owner/name
	Kind    string `json:"kind,omitempty" oneof:"model dataset application"` // found out when something is pushed if it is left out
	Private bool   `json:"private,omitempty"`
}

// Retirement says of a version that people should not take it; with State "" that they may again.
type Retirement struct {
	State     string `json:"state,omitempty" oneof:"deprecated yanked"`
	Reason    string `json:"reason,omitempty"`
	Successor string `json:"successor,omitempty"`
}

// Install says what was installed.
type Install struct {
	Digest string `json:"digest"`
}

// Question is what a model is asked.
type Question struct {
	Text    string `json:"text"`
	Pair    string `json:"pair,omitempty"`    // the second text, for models of pairs; what is asked, for models that answer questions
	Explain bool   `json:"explain,omitempty"` // which words mattered, if that is found out quickly
}

// Search says what to find. Zero fields do not matter.
type Search struct {
	Text          string
	Facets        map[string]string // kind, task, language, licence, family, size, latency, owner, verified, signed
	Sort          string            // relevance, trend, downloads, rating, updated, size or latency
	Limit, Offset int
}

// Found is what a search has found.
type Found struct {
	Packages  []Package                 `json:"packages"`
	Total     int                       `json:"total"`
	Estimated bool                      `json:"estimated,omitempty"` // there are more than total: the market has just been started
	Instead   string                    `json:"instead,omitempty"`   // what was searched for in place of words that no package has
	Counts    map[string]map[string]int `json:"counts"`              // packages by facet and value
}

// Search finds packages by words in Chinese or English.
func (c *Client) Search(ctx context.Context, s Search) (*Found, error) {
	values := url.Values{}
	for facet, value := range s.Facets {
		values.Set(facet, value)
	}
	for key, value := range map[string]string{"q": s.Text, "sort": s.Sort, "limit": number(s.Limit), "offset": number(s.Offset)} {
		if value != "" {
			values.Set(key, value)
		}
	}
	var f Found
	return &f, c.ask(ctx, "GET", "/api/v1/packages?"+values.Encode(), nil, &f)
}

// number writes n, but nothing for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// WhoAmI asks whose the token is.
func (c *Client) WhoAmI(ctx context.Context) (*Person, error) {
	var p Person
	return &p, c.ask(ctx, "GET", "/api/v1/whoami", nil, &p)
}

// Info asks about a package, and one of its versions ("" for the latest).
func (c *Client) Info(ctx context.Context, name, version string) (*Package, error) {
	var p Package
	return &p, c.ask(ctx, "GET", "/api/v1/packages/"+name+"?version="+url.QueryEscape(version), nil, &p)
}

// Bill asks what a package is made of: a CycloneDX bill of materials, in JSON. Version "" is the latest.
func (c *Client) Bill(ctx context.Context, name, version string) (bill json.RawMessage, err error) {
	err = c.ask(ctx, "GET", "/api/v1/packages/"+name+"/bom?version="+url.QueryEscape(version), nil, &bill)
	return bill, err
}

// Create takes a name.
func (c *Client) Create(ctx context.Context, n NewPackage) error {
	return c.ask(ctx, "POST", "/api/v1/packages", n, nil)
}

// Retire yanks or deprecates a version, or takes that back.
func (c *Client) Retire(ctx context.Context, name, version string, r Retirement) error {
	return c.ask(ctx, "PUT", "/api/v1/packages/"+name+"/versions/"+url.PathEscape(version)+"/state", r, nil)
}

// installed tells the market, for the account's list.
func (c *Client) installed(ctx context.Context, name, digest string) error {
	return c.ask(ctx, "POST", "/api/v1/packages/"+name+"/installs", Install{digest}, nil)
}
