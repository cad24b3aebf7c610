package client

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// toHub makes the files of a hub's branch main those of a version, and names that state by a tag.
func (m *mirror) toHub(ctx context.Context, tag, under string) (string, error) {
	content, _, _, err := m.source.anyManifest(ctx, m.from, tag)
	if err != nil {
		return "", at(m.from, err)
	}
	manifest, err := pack.Parse(content)
	if err != nil {
		return "", at(m.from, hint.Wrap(err, "only packages go to a hub", "%s", tag))
	}
	if m.hubTo.place.Kind == "" && manifest.Kind != pack.Model {
		return "", at(m.to, hint.Errorf("write hf://datasets/"+m.to.Name+" for data, hf://spaces/"+m.to.Name+" for an application", "a %s in a repository for models", manifest.Kind))
	}
	v := &versionFiles{mirror: m}
	defer v.forget(ctx)
	u := &hubUpload{mirror: m, files: manifest.Files, fetch: v.path}
	return u.put(ctx, "Copy "+m.from.Name+":"+tag, under)
}

// put makes the files those of the branch main, and names that state by a tag.
func (u *hubUpload) put(ctx context.Context, summary, under string) (state string, err error) {
	if under == "latest" {
		under = "main"
	}
	if same, err := u.same(ctx, under); err != nil || same {
		return "there", err
	}
	if u.options.DryRun {
		u.result.Copied += len(u.files)
		for _, f := range u.files {
			u.result.Bytes += f.Size
		}
		return "missing", nil
	}
	if err := u.hubTo.create(ctx); err != nil {
		return "", at(u.to, err)
	}
	if err := u.commit(ctx, summary); err != nil {
		return "", at(u.to, err)
	}
	if under != "main" {
		if err := u.hubTo.ask(ctx, "POST", u.hubTo.api()+"/tag/main", map[string]string{"tag": under}, nil); err != nil {
			return "", at(u.to, err)
		}
	}
	return "copied", nil
}

// create makes the repository if it is not there.
func (h *hubClient) create(ctx context.Context) error {
	owner, name, _ := strings.Cut(h.place.Name, "/")
	body, err := json.Marshal(map[string]string{"name": name, "organization": owner, "type": cmp.Or(h.place.Kind, "model")})
	if err != nil {
		return err
	}
	answer, err := h.send(ctx, "POST", "/api/repos/create", bytes.NewReader(body), http.Header{"Content-Type": {"application/json"}}, http.StatusOK, http.StatusCreated, http.StatusConflict)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// hubUpload are files that become a state of a hub's repository.
type hubUpload struct {
	*mirror
	files []pack.File
	fetch func(context.Context, pack.File) (path string, err error) // brings one into the cache
}

// versionFiles are those of a version on a market or a registry, which come into the cache on their way.
type versionFiles struct {
	*mirror
	loaded []digest.Digest
}

func (v *versionFiles) path(ctx context.Context, f pack.File) (string, error) {
	store, err := v.source.cache().store()
	if err != nil {
		return "", err
	}
	if _, err := store.Stat(ctx, f.Digest); err != nil {
		if _, err := v.source.download(ctx, Reference{Name: v.from.Name}, f, v.count); err != nil {
			return "", at(v.from, err)
		}
		v.mu.Lock()
		v.loaded = append(v.loaded, f.Digest)
		v.mu.Unlock()
	}
	return store.Path(f.Digest), nil
}

func (v *versionFiles) forget(ctx context.Context) {
	if store, err := v.source.cache().store(); err == nil {
		for _, d := range v.loaded {
			_ = store.Delete(context.WithoutCancel(ctx), d) // what stays is found by `xiaoyu cache prune`
		}
	}
}

// same tells whether a revision has exactly the files.
func (u *hubUpload) same(ctx context.Context, revision string) (bool, error) {
	_, have, err := u.hubTo.files(ctx, revision)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnauthorized) {
		return false, nil
	}
	if err != nil {
		return false, at(u.to, err)
	}
	if len(have) != len(u.files) {
		return false, nil
	}
	byPath := map[string]hubFile{}
	for _, f := range have {
		byPath[f.Name] = f
	}
	for _, f := range u.files {
		same, err := u.sameFile(ctx, f, byPath[f.Path])
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (u *hubUpload) sameFile(ctx context.Context, f pack.File, have hubFile) (bool, error) {
	if have.Name == "" || have.Size != f.Size {
		return false, nil
	}
	if d := have.digest(); d != "" {
		return d == f.Digest, nil
	}
	path, err := u.fetch(ctx, f) // it has git's digest alone, which only the content tells
	if err != nil {
		return false, err
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		return false, err
	}
	_, err = verify(file, have)
	return err == nil, nil
}

// commit sends what main lacks, by LFS or within the commit as the hub wants it, and removes what the version has not.
func (u *hubUpload) commit(ctx context.Context, summary string) error {
	_, have, err := u.hubTo.files(ctx, "main")
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	byPath := map[string]hubFile{}
	for _, f := range have {
		byPath[f.Name] = f
	}
	var changed []pack.File
	for _, f := range u.files {
		same, err := u.sameFile(ctx, f, byPath[f.Path])
		if err != nil {
			return err
		}
		if !same {
			changed = append(changed, f)
		}
		delete(byPath, f.Path)
	}
	large, err := u.modes(ctx, changed)
	if err != nil {
		return err
	}
	if err := u.lfs(ctx, large); err != nil {
		return err
	}
	read, write := io.Pipe()
	go func() { write.CloseWithError(u.lines(ctx, write, summary, changed, large, byPath)) }()
	answer, err := u.hubTo.send(ctx, "POST", u.hubTo.api()+"/commit/main", read, http.Header{"Content-Type": {"application/x-ndjson"}}, http.StatusOK)
	read.Close()
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// modes asks the hub how each file is to be sent, and returns those that go by LFS.
func (u *hubUpload) modes(ctx context.Context, files []pack.File) (map[string]pack.File, error) {
	type asked struct {
		Path   string `json:"path"`
		Size   int64  `json:"size"`
		Sample string `json:"sample"`
	}
	var list []asked
	byPath := map[string]pack.File{}
	for _, f := range files {
		path, err := u.fetch(ctx, f)
		if err != nil {
			return nil, err
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		head, err := io.ReadAll(io.LimitReader(file, 512))
		if file.Close(); err != nil {
			return nil, err
		}
		list, byPath[f.Path] = append(list, asked{f.Path, f.Size, base64.StdEncoding.EncodeToString(head)}), f
		u.result.Copied++
		u.result.Bytes += f.Size
	}
	if len(list) == 0 {
		return nil, nil
	}
	var said struct {
		Files []struct{ Path, UploadMode string }
	}
	if err := u.hubTo.ask(ctx, "POST", u.hubTo.api()+"/preupload/main", map[string]any{"files": list}, &said); err != nil {
		return nil, err
	}
	large := map[string]pack.File{}
	for _, f := range said.Files {
		if f.UploadMode == "lfs" {
			large[f.Path] = byPath[f.Path]
		}
	}
	return large, nil
}

// lfs sends large files (https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md).
func (u *hubUpload) lfs(ctx context.Context, files map[string]pack.File) error {
	return each(ctx, files, func(ctx context.Context, _ string, f pack.File) error {
		question := map[string]any{"operation": "upload", "transfers": []string{"basic"}, "hash_algo": "sha256", "ref": map[string]string{"name": "refs/heads/main"},
			"objects": []any{map[string]any{"oid": f.Digest.Encoded(), "size": f.Size}}}
		var said struct {
			Objects []struct {
				Error   *struct{ Message string }
				Actions map[string]struct {
					Href   string
					Header map[string]string
				}
			}
		}
		if err := u.hubTo.ask(ctx, "POST", "/"+u.hubTo.prefix()+u.hubTo.place.Name+".git/info/lfs/objects/batch", question, &said); err != nil {
			return err
		}
		if len(said.Objects) != 1 || said.Objects[0].Error != nil {
			return hint.Errorf("see whether the hub takes files of that size", "%s: the hub does not take it", f.Path)
		}
		action, ok := said.Objects[0].Actions["upload"]
		if !ok { // it is there
			return nil
		}
		if action.Header["chunk_size"] != "" {
			return hint.Errorf("copy it with huggingface_hub", "%s: the hub wants it in pieces", f.Path)
		}
		path, err := u.fetch(ctx, f)
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		header := contentOf(f.Size)
		for k, v := range action.Header {
			header.Set(k, v)
		}
		answer, err := u.hubTo.send(ctx, "PUT", action.Href, file, header, http.StatusOK, http.StatusCreated, http.StatusNoContent)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		answer.Body.Close()
		if v, ok := said.Objects[0].Actions["verify"]; ok {
			return u.hubTo.ask(ctx, "POST", v.Href, map[string]any{"oid": f.Digest.Encoded(), "size": f.Size}, nil)
		}
		return nil
	})
}

// lines writes a commit, a line for each file (https://huggingface.co/docs/hub/api).
func (u *hubUpload) lines(ctx context.Context, to io.Writer, summary string, changed []pack.File, large map[string]pack.File, gone map[string]hubFile) error {
	w := bufio.NewWriterSize(to, 64<<10)
	line := func(key string, value map[string]any) error {
		b, err := json.Marshal(map[string]any{"key": key, "value": value})
		if err == nil {
			_, err = w.Write(append(b, '\n'))
		}
		return err
	}
	if err := line("header", map[string]any{"summary": summary, "description": ""}); err != nil {
		return err
	}
	for _, f := range changed {
		if _, ok := large[f.Path]; ok {
			if err := line("lfsFile", map[string]any{"path": f.Path, "algo": "sha256", "oid": f.Digest.Encoded(), "size": f.Size}); err != nil {
				return err
			}
			continue
		}
		if err := u.regular(ctx, w, f); err != nil {
			return err
		}
	}
	for name := range gone {
		if err := line("deletedFile", map[string]any{"path": name}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// regular writes a file within a commit, as a stream.
func (u *hubUpload) regular(ctx context.Context, w io.Writer, f pack.File) error {
	path, err := u.fetch(ctx, f)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	name, err := json.Marshal(f.Path)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, `{"key":"file","value":{"path":%s,"encoding":"base64","content":"`, name); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	if _, err := io.Copy(encoder, file); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\"}}\n")
	return err
}
