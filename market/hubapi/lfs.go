package hubapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// Large files come by git-lfs' batch API (https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md): a batch says
// where to send each, in one piece (basic) or in parts with the addresses in the header of the action, as the Hugging Face
// hub has it (multipart). The addresses hold an upload's name, which nobody can guess: clients send no token there.

// maxParts keeps the list of addresses small; parts of larger files are larger.
const maxParts = 1000

type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

func (h *Handler) lfsPost(w http.ResponseWriter, r *request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<20)
	switch {
	case slices.Equal(r.rest, []string{"objects", "batch"}):
		return h.batch(w, r)
	case len(r.rest) == 3 && r.rest[0] == "uploads":
		return h.complete(w, r)
	case len(r.rest) == 1 && r.rest[0] == "verify":
		return h.verify(w, r)
	}
	return hint.Wrap(errNoSuch, "begin with objects/batch", "%.200s", r.URL.Path)
}

// batch says where to send or to fetch each of some files.
func (h *Handler) batch(w http.ResponseWriter, r *request) error {
	var q struct {
		Operation string   `json:"operation"`
		Transfers []string `json:"transfers"`
		Objects   []object `json:"objects"`
		HashAlgo  string   `json:"hash_algo"`
	}
	if err := read(r, &q); err != nil {
		return err
	}
	// The client for JavaScript writes sha_256.
	if q.HashAlgo != "" && q.HashAlgo != "sha256" && q.HashAlgo != "sha_256" || len(q.Objects) > 1000 {
		return hint.Errorf("use sha256, and ask for 1000 at once at most", "%d objects by %.20q: %w", len(q.Objects), q.HashAlgo, errRequest)
	}
	var repository *catalogue.Repository
	var err error
	switch q.Operation {
	case "download":
		if repository, err = h.repository(r); err == nil {
			err = h.depot.Catalogue.MayDownload(r.Context(), r.who, repository)
		}
	case "upload":
		repository, err = h.writable(r)
	default:
		err = hint.Errorf("it is upload or download", "the operation %.40q: %w", q.Operation, errRequest)
	}
	if err != nil {
		return err
	}
	multipart := q.Operation == "upload" && slices.Contains(q.Transfers, "multipart")
	list := []map[string]any{}
	for _, o := range q.Objects {
		entry := map[string]any{"oid": o.OID, "size": o.Size, "authenticated": true}
		if d := digestOf(o.OID); d.Validate() != nil || o.Size < 0 {
			entry["error"] = map[string]any{"code": http.StatusUnprocessableEntity, "message": "an object is named by its SHA-256 and its size"}
		} else if q.Operation == "download" {
			err = h.offer(r, repository, d, entry)
		} else {
			err = h.take(r, repository, o, multipart, entry)
		}
		if err != nil {
			return err
		}
		list = append(list, entry)
	}
	transfer := "basic"
	if multipart {
		transfer = "multipart"
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	return answer(w, http.StatusOK, map[string]any{"transfer": transfer, "objects": list, "hash_algo": "sha256"})
}

// base is where a repository's large files are.
func base(r *request, repository *catalogue.Repository) string {
	return address(r, repository, r.kind) + ".git/info/lfs"
}

// offer says where a file is to be had.
func (h *Handler) offer(r *request, repository *catalogue.Repository, d digest.Digest, entry map[string]any) error {
	size, err := h.depot.Catalogue.Blob(r.Context(), repository, d)
	if errors.Is(err, catalogue.ErrNotFound) {
		entry["error"] = map[string]any{"code": http.StatusNotFound, "message": "the repository has no such object"}
		return nil
	}
	entry["size"] = size
	download := map[string]any{"href": auth.Origin(r.Request) + "/v2/" + repository.FullName() + "/blobs/" + d.String()}
	if token := r.Header.Get("Authorization"); token != "" {
		download["header"] = map[string]string{"Authorization": token}
	}
	entry["actions"] = map[string]any{"download": download}
	return err
}

// take says where to send a file, unless the repository has it.
func (h *Handler) take(r *request, repository *catalogue.Repository, o object, multipart bool, entry map[string]any) error {
	_, err := h.depot.Catalogue.Keep(r.Context(), repository, digestOf(o.OID))
	if !errors.Is(err, catalogue.ErrNotFound) {
		return err
	}
	upload, err := h.depot.Begin(r.Context(), r.who, repository)
	if err != nil {
		return err
	}
	href := base(r, repository) + "/uploads/" + upload + "/" + o.OID
	action := map[string]any{"href": href}
	if multipart && o.Size > h.partSize {
		size := max(h.partSize, (o.Size+maxParts-1)/maxParts)
		header := map[string]string{"chunk_size": strconv.FormatInt(size, 10)}
		for n := int64(0); n*size < o.Size; n++ {
			header[fmt.Sprintf("%05d", n+1)] = fmt.Sprintf("%s?from=%d", href, n*size)
		}
		action["header"] = header
	}
	entry["actions"] = map[string]any{"upload": action, "verify": map[string]string{"href": base(r, repository) + "/verify"}}
	return nil
}

// verify tells whether a file has arrived.
func (h *Handler) verify(w http.ResponseWriter, r *request) error {
	var o object
	if err := read(r, &o); err != nil {
		return err
	}
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	size, err := h.depot.Catalogue.Keep(r.Context(), repository, digestOf(o.OID))
	if errors.Is(err, catalogue.ErrNotFound) || err == nil && size != o.Size {
		return hint.Errorf("send it again", "the object %.80q of %d bytes: %w", o.OID, o.Size, errNoSuch)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// lfsPut takes a file, or a part of one that begins at the byte from.
func (h *Handler) lfsPut(w http.ResponseWriter, r *request) error {
	if len(r.rest) != 3 || r.rest[0] != "uploads" {
		return hint.Wrap(errNoSuch, "begin with objects/batch", "%.200s", r.URL.Path)
	}
	upload, d := r.rest[1], digestOf(r.rest[2])
	repository, err := h.depot.Catalogue.Upload(r.Context(), upload)
	if errors.Is(err, catalogue.ErrNotFound) {
		err = hint.Errorf("begin again", "upload %.40q: %w", upload, blob.ErrNoUpload)
	}
	if err != nil {
		return err
	}
	if !r.URL.Query().Has("from") {
		if _, err := h.depot.Receive(r.Context(), repository, d, r.ContentLength, r.Body); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err != nil || from < 0 || r.ContentLength < 0 {
		return hint.Errorf("send parts to the addresses that the batch has named, with their length", "a part of upload %s: %w", upload, errRequest)
	}
	if err := h.part(r.Context(), repository, upload, from, r.ContentLength, r.Body); err != nil {
		return err
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%s-%d"`, upload, from))
	w.WriteHeader(http.StatusOK)
	return nil
}

// turn is how long a part waits for those before it to move on.
const turn = time.Minute

// part adds a part to an upload once those before it are there. A part that comes again after a cut goes on where it
// broke off.
func (h *Handler) part(ctx context.Context, repository *catalogue.Repository, upload string, from, length int64, content io.Reader) error {
	last, since := int64(-1), time.Now()
	for {
		at, err := h.depot.Uploads.Offset(ctx, upload)
		if err != nil {
			return err
		}
		if at >= from+length {
			_, err := io.Copy(io.Discard, content)
			return err
		}
		if at >= from {
			_, err := io.CopyN(io.Discard, content, at-from)
			if err == nil {
				_, err = h.depot.Append(ctx, repository, upload, at, content)
			}
			if err == nil || !errors.Is(err, blob.ErrBusy) {
				return err
			}
			from, length = at, from+length-at // what was discarded is not there to be sent again
		}
		if at != last {
			last, since = at, time.Now()
		}
		if time.Since(since) > turn {
			return hint.Errorf("send the parts in their order", "upload %s is at byte %d, the part begins at %d: %w", upload, at, from, blob.ErrOffset)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// complete ends an upload in parts.
func (h *Handler) complete(w http.ResponseWriter, r *request) error {
	upload, d := r.rest[1], digestOf(r.rest[2])
	repository, err := h.depot.Catalogue.Upload(r.Context(), upload)
	if err == nil {
		_, err = h.depot.Finish(r.Context(), repository, upload, d)
	}
	if errors.Is(err, catalogue.ErrNotFound) {
		err = hint.Errorf("begin again", "upload %.40q: %w", upload, blob.ErrNoUpload)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}
