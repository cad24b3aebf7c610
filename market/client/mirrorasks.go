package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// allTags lists the tags of a repository, page by page.
func (c *Client) allTags(ctx context.Context, of Reference) (list []string, err error) {
	for next := of.path() + "/tags/list?n=1000"; next != ""; {
		answer, err := c.retry(ctx, func() (*http.Response, error) { return c.send(ctx, "GET", next, nil, nil, http.StatusOK) })
		if err != nil {
			return nil, err
		}
		var page struct{ Tags []string }
		err = json.NewDecoder(io.LimitReader(answer.Body, 64<<20)).Decode(&page)
		answer.Body.Close()
		if err != nil {
			return nil, hint.Wrap(err, "check that the address is a registry's", "reading the list of tags")
		}
		list = append(list, page.Tags...)
		link := answer.Header.Get("Link")
		next = ""
		if target, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">"); ok && strings.Contains(link, `rel="next"`) && len(page.Tags) > 0 {
			next = target
		}
	}
	return list, nil
}

// referrersOf lists what refers to a manifest, by the registry's list or by the tag in its place.
func (c *Client) referrersOf(ctx context.Context, p Place, subject digest.Digest) ([]v1.Descriptor, error) {
	var index v1.Index
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "GET", Reference{Name: p.Name}.path()+"/referrers/"+subject.String(), nil, nil, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest)
	})
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, pack.MaxManifest))
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK && json.Unmarshal(content, &index) == nil {
		return index.Manifests, nil
	}
	content, _, _, err = c.anyManifest(ctx, p, fallbackTag(subject))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &index)
	}
	return index.Manifests, err
}

// hasBlob asks whether a repository has a blob.
func (c *Client) hasBlob(ctx context.Context, p Place, d digest.Digest) (bool, error) {
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "HEAD", Reference{Name: p.Name}.path()+"/blobs/"+d.String(), nil, nil, http.StatusOK, http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden)
	})
	if err != nil {
		return false, err
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK, nil
}

// hasManifest asks which manifest a name stands for; "" for none.
func (c *Client) hasManifest(ctx context.Context, p Place, name string) (digest.Digest, error) {
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "HEAD", Reference{Name: p.Name}.path()+"/manifests/"+url.PathEscape(name), nil, http.Header{"Accept": manifestTypes}, http.StatusOK, http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden)
	})
	if err != nil {
		return "", err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", nil
	}
	return digest.Digest(answer.Header.Get("Docker-Content-Digest")), nil
}

// anyManifest asks for a manifest or an index, and verifies its digest.
func (c *Client) anyManifest(ctx context.Context, p Place, name string) (content []byte, mediaType string, d digest.Digest, err error) {
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "GET", Reference{Name: p.Name}.path()+"/manifests/"+name, nil, http.Header{"Accept": manifestTypes}, http.StatusOK)
	})
	if err != nil {
		return nil, "", "", err
	}
	defer answer.Body.Close()
	content, err = io.ReadAll(io.LimitReader(answer.Body, pack.MaxManifest+1))
	if err != nil {
		return nil, "", "", fmt.Errorf("reading the manifest: %w: %w", errCut, err)
	}
	if len(content) > pack.MaxManifest {
		return nil, "", "", hint.Errorf("copy it with another program, such as skopeo", "the manifest has more than %d MB", pack.MaxManifest>>20)
	}
	d = digest.FromBytes(content)
	for _, want := range []string{name, answer.Header.Get("Docker-Content-Digest")} {
		w := digest.Digest(want)
		if w.Validate() == nil && w.Algorithm().Available() && w.Algorithm().FromBytes(content) != w {
			return nil, "", "", hint.Errorf("try again, and distrust the registry if that does not help", "the manifest has the digest %s, not %s", d, want)
		}
		if w.Validate() == nil {
			d = w
		}
	}
	return content, cmp.Or(answer.Header.Get("Content-Type"), v1.MediaTypeImageManifest), d, nil
}
