package hub

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const hfScheme, msScheme = "hf://", "ms://"

// reference names a model on a hub.
type reference struct {
	scheme, name, revision string
}

func (r reference) String() string {
	if r.revision == r.mainRevision() {
		return r.scheme + r.name
	}
	return r.scheme + r.name + "@" + r.revision
}

// mainRevision is the branch that a hub gives where none is named.
func (r reference) mainRevision() string {
	if r.scheme == msScheme {
		return "master"
	}
	return "main"
}

// namePart is what either half of a model's name may be; both hubs refuse -- and .. as well, which the cache's folders and
// paths need for themselves. It has mostInPart characters at most: {0,95} would make an expression of 4 MB at every start.
var namePart = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$`)

const mostInPart = 96

// parse reads a reference.
func parse(ref string) (reference, error) {
	r := reference{scheme: ref[:len(hfScheme)]}
	var given bool
	r.name, r.revision, given = strings.Cut(ref[len(hfScheme):], "@")
	if !given {
		r.revision = r.mainRevision()
	}
	parts := strings.Split(strings.TrimSuffix(r.name, "/"), "/")
	r.name = strings.Join(parts, "/")
	valid := len(parts) == 2 || len(parts) == 1 && r.scheme == hfScheme // some models of the first days have no owner
	for _, p := range parts {
		valid = valid && utf8.RuneCountInString(p) <= mostInPart && namePart.MatchString(p) && !strings.Contains(p, "--") && !strings.Contains(p, "..") && !strings.HasSuffix(p, ".git")
	}
	if !valid {
		way := "write " + r.scheme + "owner/name, with @revision behind it if need be"
		if len(parts) > 2 {
			way = "write " + r.scheme + parts[0] + "/" + parts[1] + ": models are named, not files in them"
		}
		return r, hint.Errorf(way, "%q names no model", ref)
	}
	for _, p := range strings.Split(r.revision, "/") {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "\\:\x00") {
			return r, hint.Errorf("name a branch, a tag or a commit behind the @", "%q names no revision", ref)
		}
	}
	return r, nil
}

// refuseAddress tells those who pass the address of a model's page how to name it.
func refuseAddress(name string) error {
	if !strings.HasPrefix(name, "https://") && !strings.HasPrefix(name, "http://") {
		return nil
	}
	way := "name a folder, hf://owner/name or ms://owner/name"
	if u, err := url.Parse(name); err == nil {
		scheme, path := hfScheme, strings.Trim(u.Path, "/")
		if strings.Contains(u.Host, "modelscope") {
			scheme, path = msScheme, strings.TrimPrefix(path, "models/")
		}
		if parts := strings.Split(path, "/"); len(parts) >= 2 {
			way = "write " + scheme + parts[0] + "/" + parts[1]
		}
	}
	return hint.Errorf(way, "%s is an address, not the name of a model", name)
}
