package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

func (s *Registry) getManifest(w http.ResponseWriter, r *request) error {
	repository, err := s.repository(r)
	if err != nil {
		return err
	}
	reference := r.PathValue("reference")
	if strings.Contains(reference, ":") {
		if _, err := parseDigest(reference); err != nil {
			return err
		}
	}
	t, err := s.depot.Catalogue.Resolve(r.Context(), repository, reference)
	if err != nil {
		return orUnknown(err, "MANIFEST_UNKNOWN")
	}
	if r.Method == http.MethodGet && t.Manifest.ArtifactType == pack.ArtifactType {
		if err := s.depot.Catalogue.CountDownload(r.Context(), repository, auth.Client(r.who, r.Request)); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", t.Manifest.MediaType)
	h.Set("Docker-Content-Digest", t.Manifest.Digest.String())
	h.Set("ETag", `"`+t.Manifest.Digest.String()+`"`)
	http.ServeContent(w, r.Request, "", time.Time{}, bytes.NewReader(t.Content))
	return nil
}

func (s *Registry) putManifest(w http.ResponseWriter, r *request) error {
	repository, err := s.writable(r)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, pack.MaxManifest))
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	q := depot.Request{Who: r.who, Repository: repository, Manifest: content, MediaType: r.Header.Get("Content-Type")}
	reference := r.PathValue("reference")
	if strings.Contains(reference, ":") {
		d, err := parseDigest(reference)
		if err != nil {
			return err
		}
		if d.Algorithm().FromBytes(content) != d {
			return hint.Errorf("send it again", "the manifest: %w", blob.ErrDigest)
		}
		q.Algorithm = d.Algorithm()
	} else {
		q.Ref = reference
	}
	result, err := s.depot.Publish(r.Context(), q)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Location", fmt.Sprintf("/v2/%s/manifests/%s", r.name, result.Digest))
	h.Set("Docker-Content-Digest", result.Digest.String())
	if result.Subject != "" {
		h.Set("OCI-Subject", result.Subject.String())
	}
	for _, f := range result.Findings {
		// RFC 9111 has retired the header's other codes; 299 is a warning for people.
		h.Add("Warning", fmt.Sprintf("299 - %s", strconv.QuoteToASCII(f.Sentence())))
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Registry) deleteManifest(w http.ResponseWriter, r *request) error {
	repository, err := s.repository(r)
	if err != nil {
		return err
	}
	reference := r.PathValue("reference")
	if strings.Contains(reference, ":") {
		var d digest.Digest
		if d, err = parseDigest(reference); err == nil {
			err = s.depot.Catalogue.DeleteManifest(r.Context(), r.who, repository, d)
		}
	} else {
		err = s.depot.Catalogue.DeleteRef(r.Context(), r.who, repository, reference)
	}
	if err != nil {
		return orUnknown(err, "MANIFEST_UNKNOWN")
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *Registry) tags(w http.ResponseWriter, r *request) error {
	repository, err := s.repository(r)
	if err != nil {
		return err
	}
	n := -1
	if text := r.URL.Query().Get("n"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			return hint.Errorf("write a number", "n=%.40q: %w", text, catalogue.ErrInvalid)
		}
	}
	limit := n
	if n >= 0 {
		limit = n + 1 // one more tells whether there is a next page
	}
	list, err := s.depot.Catalogue.Tags(r.Context(), repository, r.URL.Query().Get("last"), limit)
	if err != nil {
		return err
	}
	if n >= 0 && len(list) > n {
		list = list[:n]
		if n > 0 {
			w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?n=%d&last=%s>; rel="next"`, r.name, n, url.QueryEscape(list[n-1])))
		}
	}
	if list == nil {
		list = []string{}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"name": r.name, "tags": list})
}

func (s *Registry) referrers(w http.ResponseWriter, r *request) error {
	subject, err := parseDigest(r.PathValue("digest"))
	if err != nil {
		return err
	}
	artifactType := r.URL.Query().Get("artifactType")
	var list []catalogue.Manifest
	var sizes []int64
	repository, err := s.repository(r)
	if err == nil {
		list, sizes, err = s.depot.Catalogue.Referrers(r.Context(), repository, subject, artifactType)
	}
	if err != nil && !errors.Is(err, catalogue.ErrNotFound) { // where there is nothing, nothing refers to anything
		return err
	}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
	for i, m := range list {
		index.Manifests = append(index.Manifests, v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: sizes[i], ArtifactType: m.ArtifactType, Annotations: m.Annotations})
	}
	if artifactType != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
	return json.NewEncoder(w).Encode(index)
}
