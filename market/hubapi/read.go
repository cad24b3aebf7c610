package hubapi

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// info answers what is known of a repository at a revision.
func (h *Handler) info(w http.ResponseWriter, r *request) error {
	s, err := h.find(r)
	if err != nil {
		return err
	}
	facts := s.Facts
	if s.target != nil {
		of, err := h.depot.Catalogue.Facts(r.Context(), &s.target.Manifest)
		if err != nil {
			return err
		}
		if of != nil {
			facts = *of
		}
	}
	out := describe(s.Repository, r.kind, facts)
	out["sha"] = s.commit
	out["cardData"] = cardData(r.kind, facts)
	out["usedStorage"] = facts.Size
	if s.target != nil {
		out["lastModified"] = timeText(s.target.Revision.Created)
	}
	blobs := r.URL.Query().Get("blobs")
	out["siblings"] = siblings(s.files, blobs != "" && !strings.EqualFold(blobs, "false"))
	w.Header().Set("X-Repo-Commit", s.commit)
	return answer(w, http.StatusOK, out)
}

// describe is what lists and infos have in common.
func describe(r *catalogue.Repository, kind pack.Kind, f catalogue.Facts) map[string]any {
	gated := any(false)
	if r.Gated != "" {
		gated = r.Gated
	}
	out := map[string]any{
		"_id": fmt.Sprintf("%024x", r.ID), "id": r.FullName(), "author": r.Owner, "private": r.Private, "gated": gated, "disabled": false,
		"likes": r.Likes, "downloads": r.Downloads, "createdAt": timeText(r.Created), "lastModified": timeText(r.Updated), "tags": tags(kind, f),
	}
	switch kind {
	case pack.Model:
		out["modelId"] = r.FullName()
		if f.Task != "" {
			out["pipeline_tag"] = f.Task
		}
		if f.Library != "" {
			out["library_name"] = f.Library
		}
		if f.Family != "" {
			out["config"] = map[string]any{"model_type": f.Family}
		}
	case pack.Dataset:
		out["description"] = f.Description
	case pack.Application:
		out["sdk"] = "static"
	}
	return out
}

// tags are the hub's: what filters look for.
func tags(kind pack.Kind, f catalogue.Facts) []string {
	list := []string{}
	add := func(prefix string, values ...string) {
		for _, v := range values {
			if v != "" && !slices.Contains(list, prefix+v) {
				list = append(list, prefix+v)
			}
		}
	}
	language := ""
	if kind == pack.Dataset {
		language = "language:"
		add("task_categories:", f.Task)
	} else {
		add("", f.Library, f.Task)
	}
	add("", f.Labels[catalogue.Tag]...)
	add(language, f.Labels[catalogue.Language]...)
	add("dataset:", f.Labels[catalogue.TrainedOn]...)
	add("base_model:", f.Labels[catalogue.BaseModel]...)
	add("license:", f.Licence)
	return list
}

// cardData is what a README.md says in its front matter, as far as the catalogue keeps it.
func cardData(kind pack.Kind, f catalogue.Facts) map[string]any {
	out := map[string]any{}
	task := "pipeline_tag"
	if kind == pack.Dataset {
		task = "task_categories"
	}
	for key, v := range map[string]string{"license": f.Licence, "library_name": f.Library, "pretty_name": f.Title, task: f.Task} {
		if v != "" {
			out[key] = v
		}
	}
	if v, ok := out["task_categories"]; ok {
		out["task_categories"] = []any{v}
	}
	for key, facet := range map[string]string{"language": catalogue.Language, "tags": catalogue.Tag, "datasets": catalogue.TrainedOn, "base_model": catalogue.BaseModel} {
		if v := f.Labels[facet]; len(v) > 0 {
			out[key] = v
		}
	}
	return out
}

// lfs is how the hub tells of a large file, of which git holds but a pointer
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer).
type lfs struct {
	OID         string `json:"oid,omitempty"`
	SHA256      string `json:"sha256,omitempty"` // the same, among siblings
	Size        int64  `json:"size"`
	PointerSize int    `json:"pointerSize"`
}

// pointer returns the name that git has for the pointer to a file, and its size.
func pointer(f catalogue.File) (oid string, size int) {
	text := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.Digest.Encoded(), f.Size)
	return gitName("blob", []byte(text)), len(text)
}

// gitName is git's name of an object.
func gitName(kind string, content []byte) string {
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(content))
	sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

func siblings(files []catalogue.File, blobs bool) []map[string]any {
	list := []map[string]any{}
	for _, f := range files {
		entry := map[string]any{"rfilename": f.Path}
		if blobs {
			oid, size := pointer(f)
			entry["size"], entry["blobId"], entry["lfs"] = f.Size, oid, lfs{SHA256: f.Digest.Encoded(), Size: f.Size, PointerSize: size}
		}
		list = append(list, entry)
	}
	return list
}

// entry is a file or a folder.
type entry struct {
	Type       string      `json:"type"` // file or directory
	OID        string      `json:"oid"`
	Size       int64       `json:"size"`
	Path       string      `json:"path"`
	LFS        *lfs        `json:"lfs,omitempty"`
	LastCommit *lastCommit `json:"lastCommit,omitempty"`
}

type lastCommit struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Date  string `json:"date"`
}

// entries lists all files and folders of a revision, by path.
func entries(files []catalogue.File) []entry {
	var list []entry
	folders := map[string]*strings.Builder{} // what is below them, which their names are made of
	for _, f := range files {
		oid, size := pointer(f)
		list = append(list, entry{Type: "file", OID: oid, Size: f.Size, Path: f.Path, LFS: &lfs{OID: f.Digest.Encoded(), Size: f.Size, PointerSize: size}})
		for i, c := range f.Path {
			if c == '/' {
				b := folders[f.Path[:i]]
				if b == nil {
					b = &strings.Builder{}
					folders[f.Path[:i]] = b
				}
				fmt.Fprintf(b, "%s %s\n", oid, f.Path[i+1:])
			}
		}
	}
	for path, below := range folders {
		list = append(list, entry{Type: "directory", OID: gitName("tree", []byte(below.String())), Path: path})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}

// tree lists a folder.
func (h *Handler) tree(w http.ResponseWriter, r *request) error {
	s, err := h.find(r)
	if err != nil {
		return err
	}
	offset, limit, err := page(r, 1000, 1000)
	if err != nil {
		return err
	}
	below, found := "", r.path() == ""
	if !found {
		below = r.path() + "/"
	}
	recursive := truth(r.URL.Query().Get("recursive"))
	var list []entry
	for _, e := range entries(s.files) {
		found = found || e.Type == "directory" && e.Path == r.path()
		if rest, ok := strings.CutPrefix(e.Path, below); ok && rest != "" && (recursive || !strings.Contains(rest, "/")) {
			list = append(list, e)
		}
	}
	w.Header().Set("X-Repo-Commit", s.commit)
	if !found {
		return hint.Errorf("list the folder above it", "%s has no folder %.200q at %s: %w", s.FullName(), r.path(), s.commit, errNoEntry)
	}
	list = list[min(offset, len(list)):]
	if len(list) > limit {
		list = list[:limit]
		next(w, r, offset+limit)
	}
	if truth(r.URL.Query().Get("expand")) {
		if err := h.lastCommits(r, s, list); err != nil {
			return err
		}
	}
	return answer(w, http.StatusOK, slices.Concat([]entry{}, list))
}

func truth(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// pathsInfo tells of some paths, and is silent on those that are not there. Clients send JSON or a form.
func (h *Handler) pathsInfo(w http.ResponseWriter, r *request) error {
	var q struct {
		Paths  []string `json:"paths"`
		Expand bool     `json:"expand"`
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		if err := read(r, &q); err != nil {
			return err
		}
	} else {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return fmt.Errorf("%w: %w", errRequest, err)
		}
		q.Paths, q.Expand = form["paths"], truth(form.Get("expand"))
	}
	s, err := h.find(r)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, p := range q.Paths {
		wanted[strings.Trim(p, "/")] = true
	}
	list := []entry{}
	for _, e := range entries(s.files) {
		if wanted[e.Path] {
			list = append(list, e)
		}
	}
	if q.Expand {
		if err := h.lastCommits(r, s, list); err != nil {
			return err
		}
	}
	w.Header().Set("X-Repo-Commit", s.commit)
	return answer(w, http.StatusOK, list)
}

// maxHistory is how many revisions are looked through for the one that changed a file last.
const maxHistory = 200

// lastCommits says of each entry which revision changed it last. Beyond maxHistory revisions the oldest of them is named.
func (h *Handler) lastCommits(r *request, s *state, list []entry) error {
	if s.target == nil {
		return nil
	}
	history, err := h.depot.Catalogue.History(r.Context(), s.Repository, s.target.Revision, 0, maxHistory)
	if err != nil {
		return err
	}
	open := map[string]int{}
	for i, e := range list {
		open[e.Path] = i
	}
	for n, v := range history {
		var before map[string]string
		if n+1 < len(history) {
			files, err := h.depot.Catalogue.Files(r.Context(), &history[n+1].Manifest)
			if err != nil {
				return err
			}
			before = map[string]string{}
			for _, e := range entries(files) {
				before[e.Path] = e.OID
			}
		}
		for path, i := range open {
			if before[path] != list[i].OID {
				list[i].LastCommit = &lastCommit{v.Commit, v.Message, timeText(v.Created)}
				delete(open, path)
			}
		}
		if len(open) == 0 {
			break
		}
	}
	return nil
}

// refs lists branches and tags.
func (h *Handler) refs(w http.ResponseWriter, r *request) error {
	repository, err := h.repository(r)
	if err != nil {
		return err
	}
	list, err := h.depot.Catalogue.Refs(r.Context(), repository)
	if err != nil {
		return err
	}
	type ref struct {
		Name         string `json:"name"`
		Ref          string `json:"ref"`
		TargetCommit string `json:"targetCommit"`
	}
	main := ref{"main", "refs/heads/main", catalogue.Root}
	branches, tags := []ref{}, []ref{}
	for _, f := range list {
		switch {
		case f.Commit == "": // an image, say
		case f.Name == catalogue.Latest:
			main.TargetCommit = f.Commit
		case f.Kind == catalogue.Branch:
			branches = append(branches, ref{f.Name, "refs/heads/" + f.Name, f.Commit})
		default:
			tags = append(tags, ref{f.Name, "refs/tags/" + f.Name, f.Commit})
		}
	}
	out := map[string]any{"branches": append([]ref{main}, branches...), "tags": tags, "converts": []ref{}}
	if r.URL.Query().Has("include_prs") {
		out["pullRequests"] = []ref{}
	}
	return answer(w, http.StatusOK, out)
}

// commits lists the revisions that led to one, newest first.
func (h *Handler) commits(w http.ResponseWriter, r *request) error {
	s, err := h.find(r)
	if err != nil {
		return err
	}
	offset, limit, err := page(r, 50, 100)
	if err != nil {
		return err
	}
	list := []map[string]any{}
	if s.target != nil {
		history, err := h.depot.Catalogue.History(r.Context(), s.Repository, s.target.Revision, offset, limit+1)
		if err != nil {
			return err
		}
		if len(history) > limit {
			history = history[:limit]
			next(w, r, offset+limit)
		}
		for _, v := range history {
			list = append(list, map[string]any{"id": v.Commit, "title": v.Message, "message": v.Description, "date": timeText(v.Created),
				"authors": []any{map[string]string{"user": v.Author, "avatar": ""}}})
		}
	}
	return answer(w, http.StatusOK, list)
}

// sorts are the hub's orders.
var sorts = map[string]catalogue.Order{"downloads": catalogue.ByDownloads, "likes": catalogue.ByLikes, "lastModified": catalogue.ByUpdated, "createdAt": catalogue.ByCreated,
	"trendingScore": catalogue.ByTrend, "id": catalogue.ByName}

// list lists and searches repositories of a kind.
func (h *Handler) list(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	offset, limit, err := page(r, 100, 1000)
	if err != nil {
		return err
	}
	order, ok := sorts[cmp.Or(q.Get("sort"), "trendingScore")]
	if !ok {
		return hint.Errorf("it is downloads, likes, lastModified, createdAt, trendingScore or id", "sort=%.40q: %w", q.Get("sort"), errRequest)
	}
	f := catalogue.Filter{Kind: r.kind, Owner: q.Get("author"), Name: q.Get("search"), Task: q.Get("pipeline_tag"), Library: q.Get("library"), Sort: order,
		Descending: q.Get("direction") != "1" && order != catalogue.ByName, Offset: offset, Limit: limit}
	if q.Has("gated") {
		gated := truth(q.Get("gated"))
		f.Gated = &gated
	}
	for _, terms := range q["filter"] {
		for term := range strings.SplitSeq(terms, ",") {
			filter(&f, strings.TrimSpace(term))
		}
	}
	for _, facet := range []string{"language", "task_categories"} {
		for _, v := range q[facet] {
			filter(&f, facet+":"+strings.TrimPrefix(v, facet+":"))
		}
	}
	repositories, more, err := h.depot.Catalogue.Repositories(r.Context(), r.who, f)
	if err != nil {
		return err
	}
	if more {
		next(w, r, offset+limit)
	}
	expand := append(q["expand"], q["expand[]"]...)
	list := []map[string]any{}
	for _, found := range repositories {
		out := describe(found, r.kind, found.Facts)
		if truth(q.Get("cardData")) || slices.Contains(expand, "cardData") {
			out["cardData"] = cardData(r.kind, found.Facts)
		}
		if truth(q.Get("full")) || slices.Contains(expand, "sha") || slices.Contains(expand, "siblings") {
			s, err := h.at(r, found, "main")
			if err != nil {
				return err
			}
			out["sha"], out["siblings"] = s.commit, siblings(s.files, false)
		}
		list = append(list, out)
	}
	return answer(w, http.StatusOK, list)
}

// filter adds a term, which is one of the tags that tags makes.
func filter(f *catalogue.Filter, term string) {
	prefix, value, ok := strings.Cut(term, ":")
	facets := map[string]string{"dataset": catalogue.TrainedOn, "base_model": catalogue.BaseModel, "language": catalogue.Language}
	switch {
	case term == "":
	case ok && prefix == "license":
		f.Licence = strings.ToLower(value)
	case ok && (prefix == "task_categories" || prefix == "pipeline_tag"):
		f.Task = value
	case ok && prefix == "library":
		f.Library = value
	case ok && facets[prefix] != "":
		f.Labels = append(f.Labels, [2]string{facets[prefix], value})
	default:
		f.Words = append(f.Words, term)
	}
}

// validateCard tells what is wrong with a README.md before it is sent.
func (h *Handler) validateCard(w http.ResponseWriter, r *request) error {
	var q struct {
		Content string `json:"content"`
	}
	if err := read(r, &q); err != nil {
		return err
	}
	errors := []map[string]string{}
	if _, err := pack.ReadCard([]byte(q.Content)); err != nil {
		errors = append(errors, map[string]string{"message": err.Error() + "; " + hint.Way(err)})
		return answer(w, http.StatusBadRequest, map[string]any{"errors": errors, "warnings": []any{}})
	}
	return answer(w, http.StatusOK, map[string]any{"errors": errors, "warnings": []any{}})
}

// digestOf is the digest that an LFS name stands for.
func digestOf(oid string) digest.Digest { return digest.NewDigestFromEncoded(digest.SHA256, oid) }
