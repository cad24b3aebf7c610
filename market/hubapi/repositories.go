package hubapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// whoami tells who the caller is.
func (h *Handler) whoami(w http.ResponseWriter, r *request) error {
	if err := r.who.Needs(catalogue.Read); err != nil {
		return err
	}
	members, err := h.depot.Catalogue.Organisations(r.Context(), r.who.Account)
	if err != nil {
		return err
	}
	orgs := []map[string]any{}
	for _, m := range members {
		orgs = append(orgs, map[string]any{"type": "org", "id": fmt.Sprintf("%024x", m.Account.ID), "name": m.Account.Name, "fullname": cmp.Or(m.Account.FullName, m.Account.Name),
			"roleInOrg": m.Role.String(), "avatarUrl": ""})
	}
	a := r.who.Account
	role := "read"
	if r.who.Scope >= catalogue.Write {
		role = "write"
	}
	return answer(w, http.StatusOK, map[string]any{"type": "user", "id": fmt.Sprintf("%024x", a.ID), "name": a.Name, "fullname": cmp.Or(a.FullName, a.Name), "email": a.Email, "emailVerified": false,
		"isPro": false, "canPay": false, "avatarUrl": "", "orgs": orgs,
		"auth": map[string]any{"type": "access_token", "accessToken": map[string]any{"displayName": r.who.Token, "role": role, "createdAt": timeText(a.Created)}}})
}

// named is how requests without a repository in their path name one.
type named struct {
	Name         string `json:"name"`
	Organization string `json:"organization"`
	Type         string `json:"type"`
}

// full returns owner/name, and the kind.
func (n named) full(r *request) (string, pack.Kind, error) {
	k, err := kindOf(n.Type)
	return cmp.Or(n.Organization, r.who.Name()) + "/" + n.Name, k, err
}

func kindOf(name string) (pack.Kind, error) {
	k, ok := kinds[cmp.Or(name, "model")+"s"]
	if !ok {
		return "", hint.Errorf("it is model, dataset or space", "the type %.40q: %w", name, errRequest)
	}
	return k, nil
}

// create makes a repository.
func (h *Handler) create(w http.ResponseWriter, r *request) error {
	var q struct {
		named
		visible
	}
	if err := read(r, &q); err != nil {
		return err
	}
	if err := r.who.Needs(catalogue.Write); err != nil {
		return err
	}
	full, kind, err := q.full(r)
	if err != nil {
		return err
	}
	private, err := q.private()
	if err != nil {
		return err
	}
	status := http.StatusOK
	n := catalogue.NewRepository{FullName: full, Kind: kind, Private: private != nil && *private}
	repository, err := h.depot.Catalogue.CreateRepository(r.Context(), r.who, n)
	if errors.Is(err, catalogue.ErrExists) {
		there, findErr := h.depot.Catalogue.Repository(r.Context(), r.who, full)
		if findErr != nil {
			return err
		}
		if there.Kind != "" && there.Kind != kind { // clients take 409 for a repository of the kind that they want
			return hint.Errorf("choose another name", "%s is a %s already: %w", there.FullName(), there.Kind, catalogue.ErrInvalid)
		}
		repository, status = there, http.StatusConflict
		w.Header().Set("X-Error-Message", headerText("You already created this "+typeOf(kind)+" repo: "+there.FullName()))
	} else if err != nil {
		return err
	}
	return answer(w, status, map[string]string{"url": address(r, repository, kind), "name": repository.FullName(), "id": fmt.Sprintf("%024x", repository.ID)})
}

// visible is how requests say who may see a repository: by two keys, of which the older one is private.
type visible struct {
	Private    *bool  `json:"private"`
	Visibility string `json:"visibility"`
}

// private returns nil where the request does not say.
func (v visible) private() (*bool, error) {
	yes, no := true, false
	switch v.Visibility {
	case "":
		return v.Private, nil
	case "private":
		return &yes, nil
	case "public":
		return &no, nil
	}
	return nil, hint.Errorf("it is public or private", "the visibility %.40q: %w", v.Visibility, errRequest)
}

// ofType is the repository full of a kind.
func (h *Handler) ofType(r *request, full string, kind pack.Kind) (*catalogue.Repository, error) {
	r.name, r.kind = full, kind
	if err := r.who.Needs(catalogue.Write); err != nil {
		return nil, err
	}
	return h.repository(r)
}

func (h *Handler) delete(w http.ResponseWriter, r *request) error {
	var q named
	if err := read(r, &q); err != nil {
		return err
	}
	full, kind, err := q.full(r)
	if err != nil {
		return err
	}
	repository, err := h.ofType(r, full, kind)
	if err == nil {
		err = h.depot.Catalogue.DeleteRepository(r.Context(), r.who, repository)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

func (h *Handler) move(w http.ResponseWriter, r *request) error {
	var q struct{ FromRepo, ToRepo, Type string }
	if err := read(r, &q); err != nil {
		return err
	}
	kind, err := kindOf(q.Type)
	if err != nil {
		return err
	}
	repository, err := h.ofType(r, q.FromRepo, kind)
	if err == nil {
		err = h.depot.Catalogue.MoveRepository(r.Context(), r.who, repository, q.ToRepo)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// settings changes who may see a repository.
func (h *Handler) settings(w http.ResponseWriter, r *request) error {
	var q struct {
		visible
		Gated       json.RawMessage `json:"gated"` // false, "auto" or "manual"
		Description *string         `json:"description"`
	}
	if err := read(r, &q); err != nil {
		return err
	}
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	s := catalogue.Settings{Description: q.Description}
	if s.Private, err = q.private(); err != nil {
		return err
	}
	if len(q.Gated) > 0 && !bytes.Equal(q.Gated, []byte("null")) {
		gated := ""
		if !bytes.Equal(q.Gated, []byte("false")) {
			if err := json.Unmarshal(q.Gated, &gated); err != nil {
				return hint.Errorf("it is false, auto or manual", "gated: %w: %w", errRequest, err)
			}
		}
		s.Gated = &gated
	}
	if err := h.depot.Catalogue.Configure(r.Context(), r.who, repository, s); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// authCheck tells whether the caller may read, or write, a repository.
func (h *Handler) authCheck(w http.ResponseWriter, r *request) error {
	repository, err := h.repository(r)
	if err == nil && r.of("") == "write" {
		repository, err = h.writable(r)
	}
	if err == nil {
		err = h.depot.Catalogue.MayDownload(r.Context(), r.who, repository)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// mainBranch tells a name of the branch that is always there.
func mainBranch(name string) bool { return name == "main" || name == catalogue.Latest }

func (h *Handler) createBranch(w http.ResponseWriter, r *request) error {
	var q struct{ StartingPoint string }
	if err := read(r, &q); err != nil {
		return err
	}
	return h.createRef(w, r, catalogue.Branch, r.of(""), cmp.Or(q.StartingPoint, "main"))
}

func (h *Handler) createTag(w http.ResponseWriter, r *request) error {
	var q struct{ Tag string }
	if err := read(r, &q); err != nil {
		return err
	}
	return h.createRef(w, r, "tag", q.Tag, r.of("main"))
}

func (h *Handler) createRef(w http.ResponseWriter, r *request, kind, name, revision string) error {
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	if mainBranch(name) {
		return hint.Errorf("choose another name", "%s: %w", name, catalogue.ErrExists)
	}
	s, err := h.at(r, repository, revision)
	if err != nil {
		return err
	}
	if s.target == nil {
		return hint.Errorf("commit something first", "%s has no revision yet: %w", repository.FullName(), catalogue.ErrInvalid)
	}
	if err := h.depot.Catalogue.CreateRef(r.Context(), r.who, repository, kind, name, s.target); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

func (h *Handler) deleteBranch(w http.ResponseWriter, r *request) error {
	return h.deleteRef(w, r, true)
}

func (h *Handler) deleteTag(w http.ResponseWriter, r *request) error { return h.deleteRef(w, r, false) }

func (h *Handler) deleteRef(w http.ResponseWriter, r *request, branch bool) error {
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	name := r.of("")
	if mainBranch(name) {
		return hint.Errorf("delete the repository if it is to go", "deleting %s: %w", name, catalogue.ErrInvalid)
	}
	is, err := h.refKind(r, repository, name)
	if err != nil {
		return err
	}
	if (is == catalogue.Branch) != branch {
		return hint.Errorf("see /refs for its branches and tags", "%s is a %s: %w", name, is, errNoRevision)
	}
	if err := h.depot.Catalogue.DeleteRef(r.Context(), r.who, repository, name); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// refKind tells whether a name is a branch, a tag or a version; errNoRevision.
func (h *Handler) refKind(r *request, repository *catalogue.Repository, name string) (string, error) {
	if mainBranch(name) {
		return catalogue.Branch, nil
	}
	list, err := h.depot.Catalogue.Refs(r.Context(), repository)
	if err != nil {
		return "", err
	}
	for _, f := range list {
		if f.Name == name {
			return f.Kind, nil
		}
	}
	return "", hint.Errorf("see /refs for its branches and tags", "%s has no branch or tag %.140q: %w", repository.FullName(), name, errNoRevision)
}

func (h *Handler) like(w http.ResponseWriter, r *request) error {
	repository, err := h.repository(r)
	if err == nil {
		err = h.depot.Catalogue.Like(r.Context(), r.who, repository, r.Method == http.MethodPost)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}

// likes lists what somebody likes, as far as the caller may see it.
func (h *Handler) likes(w http.ResponseWriter, r *request) error {
	a, err := h.depot.Catalogue.Account(r.Context(), r.rest[1])
	if errors.Is(err, catalogue.ErrNotFound) {
		return hint.Wrap(errNoSuch, "check the name", "the user %.80q", r.rest[1])
	}
	if err != nil {
		return err
	}
	offset, limit, err := page(r, 100, 1000)
	if err != nil {
		return err
	}
	found, more, err := h.depot.Catalogue.Repositories(r.Context(), r.who, catalogue.Filter{LikedBy: a, Offset: offset, Limit: limit})
	if err != nil {
		return err
	}
	if more {
		next(w, r, offset+limit)
	}
	list := []map[string]any{}
	for _, f := range found {
		list = append(list, map[string]any{"createdAt": timeText(f.Created), "repo": map[string]string{"name": f.FullName(), "type": typeOf(f.Kind)}})
	}
	return answer(w, http.StatusOK, list)
}

// askAccess asks for access to a gated repository.
func (h *Handler) askAccess(w http.ResponseWriter, r *request) error {
	repository, err := h.repository(r)
	if err != nil {
		return err
	}
	state, err := h.depot.Catalogue.RequestAccess(r.Context(), r.who, repository)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"status": state})
}

// accessRequests lists who has asked for access, for administrators.
func (h *Handler) accessRequests(w http.ResponseWriter, r *request) error {
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	found, err := h.depot.Catalogue.AccessRequests(r.Context(), repository, r.of(catalogue.Pending))
	if err != nil {
		return err
	}
	list := []map[string]any{}
	for _, x := range found {
		list = append(list, map[string]any{"user": map[string]any{"_id": fmt.Sprintf("%024x", x.Account.ID), "user": x.Account.Name, "fullname": cmp.Or(x.Account.FullName, x.Account.Name), "email": x.Account.Email},
			"requestId": fmt.Sprintf("%024x", x.Account.ID), "status": x.State, "timestamp": timeText(x.At)})
	}
	return answer(w, http.StatusOK, list)
}

// handleAccess decides on a request, or grants access that nobody has asked for.
func (h *Handler) handleAccess(w http.ResponseWriter, r *request) error {
	var q struct{ User, Status string }
	if err := read(r, &q); err != nil {
		return err
	}
	if r.of("") == "grant" {
		q.Status = catalogue.Accepted
	}
	repository, err := h.writable(r)
	if err != nil {
		return err
	}
	a, err := h.depot.Catalogue.Account(r.Context(), q.User)
	if errors.Is(err, catalogue.ErrNotFound) {
		return hint.Wrap(errNoSuch, "check the name", "the user %.80q", strings.TrimSpace(q.User))
	}
	if err == nil {
		err = h.depot.Catalogue.SetAccess(r.Context(), r.who, repository, a, q.Status)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{})
}
