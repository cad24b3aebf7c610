package depot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// signature checks a manifest that says to be a signature of a package of the same repository: that it is by a key of the
// repository's owner, and speaks of exactly the files of the package. It returns the key's fingerprint. Those of anything
// else are nobody's business here, and taken as they are.
func (d *Depot) signature(ctx context.Context, q Request, p *catalogue.Publication) (fingerprint string, err error) {
	subject, err := d.Catalogue.Resolve(ctx, q.Repository, p.Subject.String())
	if errors.Is(err, catalogue.ErrNotFound) {
		return "", &Rejected{err: hint.Errorf("publish the package first, then its signature", "the signature is of %s, which is not here", p.Subject)}
	}
	if err != nil {
		return "", err
	}
	m, err := pack.Parse(subject.Content)
	if errors.Is(err, pack.ErrNotPackage) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b, err := d.bundle(ctx, q)
	if err != nil {
		return "", err
	}
	owner, err := d.Catalogue.Account(ctx, q.Repository.Owner)
	if err != nil {
		return "", err
	}
	keys, err := d.Catalogue.Keys(ctx, owner)
	if err != nil {
		return "", err
	}
	var trust sign.Trust
	for _, k := range keys {
		trust.Keys = append(trust.Keys, k.PublicKey)
	}
	said, who, err := b.Verify(trust)
	if errors.Is(err, sign.ErrUntrusted) {
		return "", &Rejected{err: hint.Errorf("give the market your public key first: xiaoyu keys add KEY.pub", "the signature is by no key that %s has here", owner.Name)}
	}
	if err == nil {
		err = said.Compare(pack.Signed("", m.Files))
	}
	if err != nil {
		return "", &Rejected{err: fmt.Errorf("the signature: %w", err)}
	}
	return who.Key.Fingerprint(), nil
}

// bundle reads the signature that a manifest has for its only layer.
func (d *Depot) bundle(ctx context.Context, q Request) (*sign.Bundle, error) {
	var o outline
	if err := json.Unmarshal(q.Manifest, &o); err != nil {
		return nil, &Rejected{err: err}
	}
	if len(o.Layers) != 1 || o.Layers[0].MediaType != sign.BundleType || o.Layers[0].Size > sign.MaxBundle {
		return nil, &Rejected{err: hint.Errorf("send one layer of the type "+sign.BundleType, "the manifest of a signature has no such layer")}
	}
	of := o.Layers[0].Digest
	file, err := d.Open(ctx, q.Repository, of)
	if errors.Is(err, catalogue.ErrNotFound) || errors.Is(err, blob.ErrNotFound) {
		return nil, hint.Wrap(&catalogue.MissingBlobs{Digests: []digest.Digest{of}}, "send it, then the manifest again", "the signature")
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, sign.MaxBundle+1))
	if err != nil {
		return nil, err
	}
	b, err := sign.Parse(text)
	if err != nil {
		return nil, &Rejected{err: err}
	}
	return b, nil
}
