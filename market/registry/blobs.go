package registry

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

func (s *Registry) getBlob(w http.ResponseWriter, r *request) error {
	d, err := parseDigest(r.PathValue("digest"))
	if err != nil {
		return err
	}
	repository, err := s.repository(r)
	if err != nil {
		return err
	}
	if err := s.depot.Catalogue.MayDownload(r.Context(), r.who, repository); err != nil {
		return err
	}
	if r.Method == http.MethodHead && repository.May >= catalogue.Write {
		// Somebody asks who is about to push: what he is told is there must stay until his manifest comes.
		_, err = s.depot.Catalogue.Keep(r.Context(), repository, d)
	}
	var content blob.Content
	if err == nil {
		content, err = s.depot.Open(r.Context(), repository, d)
	}
	if err != nil {
		return orUnknown(err, "BLOB_UNKNOWN")
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", d.String())
	h.Set("ETag", `"`+d.String()+`"`)
	h.Set("Cache-Control", "max-age=31536000, immutable")
	if repository.Private {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	http.ServeContent(w, r.Request, "", time.Time{}, content)
	return nil
}

func (s *Registry) deleteBlob(w http.ResponseWriter, r *request) error {
	d, err := parseDigest(r.PathValue("digest"))
	if err != nil {
		return err
	}
	repository, err := s.repository(r)
	if err != nil {
		return err
	}
	err = s.depot.Catalogue.Unlink(r.Context(), repository, d)
	if err != nil {
		return orUnknown(err, "BLOB_UNKNOWN")
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// beginUpload mounts a blob of another repository, takes one that comes with the request, or begins a session.
func (s *Registry) beginUpload(w http.ResponseWriter, r *request) error {
	repository, err := s.writable(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	if query.Has("mount") && query.Get("from") != "" {
		if ok, err := s.mount(w, r, repository); ok || err != nil {
			return err
		}
	}
	if query.Has("digest") {
		d, err := parseDigest(query.Get("digest"))
		if err != nil {
			return err
		}
		if _, err := s.depot.Receive(r.Context(), repository, d, r.ContentLength, r.Body); err != nil {
			return err
		}
		s.created(w, r, d.String())
		return nil
	}
	upload, err := s.depot.Begin(r.Context(), r.who, repository)
	if err != nil {
		return err
	}
	s.at(w, r, upload, 0, http.StatusAccepted)
	return nil
}

// mount tells whether the blob was one of the other repository, for who asks; if not, the client sends it.
func (s *Registry) mount(w http.ResponseWriter, r *request, to *catalogue.Repository) (bool, error) {
	d, err := parseDigest(r.URL.Query().Get("mount"))
	if err != nil {
		return false, err
	}
	from, err := s.depot.Catalogue.Repository(r.Context(), r.who, r.URL.Query().Get("from"))
	if err == nil && s.depot.Catalogue.MayDownload(r.Context(), r.who, from) != nil {
		return false, nil // who may not read it sends it himself
	}
	if err == nil {
		err = s.depot.Mount(r.Context(), from, to, d)
	}
	if errors.Is(err, catalogue.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.created(w, r, d.String())
	return true, nil
}

func (s *Registry) created(w http.ResponseWriter, r *request, d string) {
	w.Header().Set("Location", fmt.Sprintf("/v2/%s/blobs/%s", r.name, d))
	w.Header().Set("Docker-Content-Digest", d)
	w.WriteHeader(http.StatusCreated)
}

// at says how far an upload has come. Range cannot say "nothing", so Upload-Offset says it too.
func (s *Registry) at(w http.ResponseWriter, r *request, upload string, offset int64, status int) {
	h := w.Header()
	h.Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s", r.name, upload))
	h.Set("Range", fmt.Sprintf("0-%d", max(offset-1, 0)))
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	h.Set("Docker-Upload-UUID", upload)
	w.WriteHeader(status)
}

func (s *Registry) getUpload(w http.ResponseWriter, r *request) error {
	repository, err := s.writable(r)
	if err != nil {
		return err
	}
	offset, err := s.depot.Upload(r.Context(), repository, r.PathValue("upload"))
	if err != nil {
		return err
	}
	s.at(w, r, r.PathValue("upload"), offset, http.StatusNoContent)
	return nil
}

func (s *Registry) patchUpload(w http.ResponseWriter, r *request) error {
	repository, err := s.writable(r)
	if err != nil {
		return err
	}
	offset, err := s.add(w, r, repository)
	if errors.Is(err, blob.ErrOffset) {
		s.at(w, r, r.PathValue("upload"), offset, http.StatusRequestedRangeNotSatisfiable)
		return nil
	}
	if err != nil {
		return err
	}
	s.at(w, r, r.PathValue("upload"), offset, http.StatusAccepted)
	return nil
}

var contentRange = regexp.MustCompile(`^(?:bytes )?(\d{1,18})-(\d{1,18})(?:/.*)?$`)

// add appends the body of a request to its upload, at the place that Content-Range names if it is there.
func (s *Registry) add(w http.ResponseWriter, r *request, repository *catalogue.Repository) (int64, error) {
	upload := r.PathValue("upload")
	offset, err := s.depot.Upload(r.Context(), repository, upload)
	if err != nil {
		return 0, err
	}
	from := int64(-1)
	if text := r.Header.Get("Content-Range"); text != "" {
		m := contentRange.FindStringSubmatch(text)
		if m == nil {
			return offset, hint.Errorf("write first-last, both counted from 0", "Content-Range %.80q: %w", text, blob.ErrOffset)
		}
		from, _ = strconv.ParseInt(m[1], 10, 64) // 18 digits always fit
		last, _ := strconv.ParseInt(m[2], 10, 64)
		if r.ContentLength >= 0 && last-from+1 != r.ContentLength {
			return offset, hint.Errorf("name the range of what is sent", "Content-Range %.80q with %d bytes: %w", text, r.ContentLength, blob.ErrOffset)
		}
	}
	return s.depot.Append(r.Context(), repository, upload, from, r.Body)
}

func (s *Registry) putUpload(w http.ResponseWriter, r *request) error {
	d, err := parseDigest(r.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	repository, err := s.writable(r)
	if err != nil {
		return err
	}
	if r.ContentLength != 0 { // the last part may come with the end
		if _, err := s.add(w, r, repository); err != nil {
			return err
		}
	} else if _, err := s.depot.Upload(r.Context(), repository, r.PathValue("upload")); err != nil {
		return err
	}
	if _, err := s.depot.Finish(r.Context(), repository, r.PathValue("upload"), d); err != nil {
		return err
	}
	s.created(w, r, d.String())
	return nil
}

func (s *Registry) deleteUpload(w http.ResponseWriter, r *request) error {
	repository, err := s.writable(r)
	if err == nil {
		err = s.depot.Abort(r.Context(), repository, r.PathValue("upload"))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
