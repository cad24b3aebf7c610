package depot

import (
	"bytes"
	"context"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Attach stores what a statement of the market itself needs beside a package, and returns the manifest as the catalogue
// takes it. Quotas do not count for it: it is the market that wants it there.
func (d *Depot) Attach(ctx context.Context, r *catalogue.Repository, s *pack.Signature, mediaType string) (*catalogue.Publication, error) {
	for of, content := range s.Blobs {
		if err := d.Catalogue.Reserve(ctx, of, int64(len(content))); err != nil {
			return nil, err
		}
		if _, err := d.Blobs.Put(ctx, of, bytes.NewReader(content)); err != nil {
			return nil, err
		}
		if err := d.Catalogue.Stored(ctx, r, of, int64(len(content))); err != nil {
			return nil, err
		}
	}
	return d.publication(ctx, Request{Repository: r, Manifest: s.Manifest, MediaType: mediaType})
}
