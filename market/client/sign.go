package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Sign puts a signature of a package that was pushed beside it: a manifest that refers to the package's, with the bundle
// for its layer (https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md).
func (c *Client) Sign(ctx context.Context, p *pack.Packed, to Reference, s *sign.Signer) error {
	b, err := sign.Sign(pack.Signed(to.Name, p.Files), s)
	if err != nil {
		return err
	}
	signature, err := pack.NewSignature(b, sign.BundleType, sign.PredicateType, p.Digest, int64(len(p.Manifest)))
	if err != nil {
		return err
	}
	manifest := signature.Manifest
	for d, content := range signature.Blobs {
		if _, err := c.pushBlob(ctx, to, d, source{name: "the signature", size: int64(len(content)), content: content}, &counter{}); err != nil {
			return fmt.Errorf("signing %s: %w", to, err)
		}
	}
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "PUT", to.path()+"/manifests/"+digest.FromBytes(manifest).String(), bytes.NewReader(manifest), http.Header{"Content-Type": {v1.MediaTypeImageManifest}}, http.StatusCreated)
	})
	if err != nil {
		return fmt.Errorf("signing %s: %w", to, err)
	}
	return answer.Body.Close()
}

// Trust is what a pull asks of signatures.
type Trust struct {
	Keys    []sign.PublicKey // the only ones that count; none for those that the publisher had when he was first met
	Require bool             // refuse what nobody signed
	Renew   bool             // take the publisher's keys of today in the place of those that he had
}

// verify checks the signatures of a package and returns the fingerprint of a key that signed it, "" where nobody did. One
// good signature is enough; that a package has but bad ones is an error.
func (c *Client) verify(ctx context.Context, from Reference, d digest.Digest, files []pack.File) (string, error) {
	t := c.trust
	bundles, err := c.bundles(ctx, from, d, sign.BundleType)
	if err != nil {
		return "", err
	}
	if len(bundles) == 0 {
		if t.Require || len(t.Keys) > 0 {
			return "", hint.Errorf("ask its publisher to sign it, or pull it without asking for a signature", "nobody has signed it")
		}
		return "", nil
	}
	owner, _, _ := strings.Cut(from.Name, "/")
	keys := t.Keys
	if len(keys) == 0 {
		if keys, err = c.keysOf(ctx, owner, t.Renew); err != nil {
			return "", err
		}
	}
	is := pack.Signed(from.Name, files)
	var failed error
	for _, b := range bundles {
		said, who, err := b.Verify(sign.Trust{Keys: keys})
		if err == nil {
			err = said.Compare(is)
		}
		if err == nil {
			return who.Key.Fingerprint(), nil
		}
		failed = errors.Join(failed, err)
	}
	if errors.Is(failed, sign.ErrUntrusted) && len(t.Keys) == 0 {
		return "", hint.Errorf("ask "+owner+" on another way whether the key is new, then pass --renew-keys", "it is signed by a key that %s did not have when you first took something of his: %w", owner, sign.ErrUntrusted)
	}
	return "", failed
}

// mostSignatures is how many of a package are looked at.
const mostSignatures = 16

// Statements fetches what was signed about a package under an artifact type, and checks nothing of it.
func (c *Client) Statements(ctx context.Context, from Reference, d digest.Digest, artifactType string) ([]*sign.Bundle, error) {
	return c.bundles(ctx, from, d, artifactType)
}

// bundles fetches the signatures of a package, or other signed statements about it.
func (c *Client) bundles(ctx context.Context, from Reference, d digest.Digest, artifactType string) (list []*sign.Bundle, err error) {
	var index v1.Index
	if err := c.ask(ctx, "GET", from.path()+"/referrers/"+d.String()+"?artifactType="+url.QueryEscape(artifactType), nil, &index); errors.Is(err, ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking for signatures: %w", err)
	}
	for _, r := range slices.Backward(index.Manifests) { // the newest first
		if r.ArtifactType != artifactType || len(list) == mostSignatures {
			continue
		}
		content, _, err := c.manifest(ctx, Reference{Name: from.Name, Digest: r.Digest})
		if err != nil {
			return nil, fmt.Errorf("reading a signature: %w", err)
		}
		var m v1.Manifest
		if err := json.Unmarshal(content, &m); err != nil || len(m.Layers) != 1 || m.Layers[0].Digest.Validate() != nil {
			continue
		}
		text, err := c.fetchSmall(ctx, from, m.Layers[0].Digest)
		if err != nil {
			return nil, fmt.Errorf("reading a signature: %w", err)
		}
		if b, err := sign.Parse(text); err == nil {
			list = append(list, b)
		}
	}
	return list, nil
}

// fetchSmall fetches a blob that fits in memory.
func (c *Client) fetchSmall(ctx context.Context, from Reference, d digest.Digest) ([]byte, error) {
	answer, err := c.send(ctx, "GET", from.path()+"/blobs/"+d.String(), nil, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, sign.MaxBundle))
	if err == nil && d.Algorithm().FromBytes(text) != d {
		err = hint.Errorf("try again, and distrust the market if that does not help", "what arrived has another digest than %s", d)
	}
	return text, err
}

// trustFile holds the keys of publishers as they were when something of theirs was first pulled, by market and name.
const trustFile = "keys.json"

type trusted map[string]map[string][]string // PEM files

// keysOf returns the keys of a publisher that count.
func (c *Client) keysOf(ctx context.Context, owner string, renew bool) ([]sign.PublicKey, error) {
	return c.remembered(strings.ToLower(owner), renew, func() (list []string, err error) {
		today, err := c.Keys(ctx, owner)
		if err != nil {
			return nil, fmt.Errorf("asking for the keys of %s: %w", owner, err)
		}
		for _, k := range today {
			list = append(list, k.PEM)
		}
		return list, nil
	})
}

// remembered returns the keys of somebody that are remembered, or if there are none, those of today, which are remembered
// from now on.
func (c *Client) remembered(of string, renew bool, ask func() ([]string, error)) ([]sign.PublicKey, error) {
	file := filepath.Join(c.home, trustFile)
	known := trusted{}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, hint.Wrap(err, "mend it or remove it", "reading the keys of publishers, %s", file)
	}
	if list := known[c.Market()][of]; len(list) > 0 && !renew {
		return parseKeys(list)
	}
	list, err := ask()
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(list)
	if err != nil || len(keys) == 0 {
		return keys, err
	}
	if known[c.Market()] == nil {
		known[c.Market()] = map[string][]string{}
	}
	known[c.Market()][of] = slices.Clone(list)
	if text, err = json.MarshalIndent(known, "", "  "); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return nil, inCache(err)
	}
	return keys, atomicfile.WriteFile(file, text, 0o600)
}

func parseKeys(list []string) (keys []sign.PublicKey, err error) {
	for _, text := range list {
		k, err := sign.ReadPublicKey([]byte(text))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
