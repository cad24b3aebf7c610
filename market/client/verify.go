package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Benchmark is what a market measures models by.
type Benchmark struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	Kind        string    `json:"kind"` // what is to be said of a text: class (one label), multilabel, tokens (entities), similarity (of pairs), regression (a number)
	Task        string    `json:"task"`
	Also        []string  `json:"also,omitempty"` // further tasks whose models are measured
	Language    string    `json:"language,omitempty"`
	Metric      string    `json:"metric"`
	Labels      []string  `json:"labels"`
	Examples    int       `json:"examples"`
	Digest      string    `json:"digest"` // of the rows
	Created     time.Time `json:"created"`
	Retired     bool      `json:"retired,omitempty"` // nothing more is measured by it
	Places      []Ranked  `json:"places,omitempty"`  // its leaderboard, where one is asked for
}

// Ranked is a package on a leaderboard.
type Ranked struct {
	Package string  `json:"package"`
	Score   float64 `json:"score"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Latency float64 `json:"latency_ms"`
	Size    int64   `json:"size"`
}

// Verification is what a market has found of a package by a benchmark.
type Verification struct {
	Benchmark string          `json:"benchmark"`
	Wanted    bool            `json:"wanted"` // it is about to be measured, or measured anew
	State     string          `json:"state"`
	Record    json.RawMessage `json:"record,omitempty"`
	Statement string          `json:"statement,omitempty"` // digest of the manifest that carries the signed record
}

// Verifications lists what a market has found of a version of a package, by benchmark.
func (c *Client) Verifications(ctx context.Context, r Reference) (list []Verification, err error) {
	err = c.ask(ctx, "GET", "/api/v1/packages/"+r.Name+"/verifications?version="+url.QueryEscape(cmp.Or(r.Digest.String(), r.Tag)), nil, &list)
	return list, err
}

// Measuring is what a market is about to do for a package.
type Measuring struct {
	Benchmarks int `json:"benchmarks"` // by how many it is measured
}

// MarketKey is the public key of the market itself.
type MarketKey struct {
	PEM         string `json:"pem"`
	Fingerprint string `json:"fingerprint"`
}

// Verify asks a market to measure a package again, by all benchmarks that are for it, and returns how many those are. It is
// for those who may write to it.
func (c *Client) Verify(ctx context.Context, r Reference) (n int, err error) {
	var answer Measuring
	err = c.ask(ctx, "POST", "/api/v1/packages/"+r.Name+"/verifications?version="+url.QueryEscape(r.Tag), nil, &answer)
	return answer.Benchmarks, err
}

// marketItself is whose keys are remembered as the market's own: no account has this name.
const marketItself = "-"

// MarketKeys are the keys by which statements of the market itself are checked: as they were when they were first asked
// for, or those of today with Trust.Renew.
func (c *Client) MarketKeys(ctx context.Context) ([]sign.PublicKey, error) {
	if len(c.trust.Keys) > 0 {
		return c.trust.Keys, nil
	}
	return c.remembered(marketItself, c.trust.Renew, func() ([]string, error) {
		var answer MarketKey
		if err := c.ask(ctx, "GET", "/api/v1/verification-key", nil, &answer); err != nil {
			return nil, fmt.Errorf("asking for the market's key: %w", err)
		}
		return []string{answer.PEM}, nil
	})
}

// PullUnsigned is Pull into a new folder by somebody whose Trust is about the market's statements alone.
func (c *Client) PullUnsigned(ctx context.Context, from Reference, dir string, watch Watch) (*Pulled, error) {
	own := *c
	own.trust = Trust{}
	return own.Pull(ctx, from, dir, false, watch)
}
