package client

import (
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Scheme begins the names of packages where a path could stand as well.
const Scheme = "market://"

// Reference names a package: owner/name, with a version, channel or tag, or a digest.
type Reference struct {
	Name   string // owner/name
	Tag    string // "" for the latest version, unless Digest is there
	Digest digest.Digest
}

// IsReference tells whether a name is one of a package on a market, and not a path.
func IsReference(name string) bool { return strings.HasPrefix(name, Scheme) }

var referencePattern = regexp.MustCompile(`^([A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*/[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)

// ParseReference reads owner/name, owner/name:tag or owner/name@sha256:…, with market:// before it or not.
func ParseReference(s string) (Reference, error) {
	m := referencePattern.FindStringSubmatch(strings.TrimPrefix(s, Scheme))
	if m == nil || len(m[1]) > 200 {
		return Reference{}, hint.Errorf("write owner/name, owner/name:1.0.0 or owner/name@sha256:…", "%.200q names no package", s)
	}
	return Reference{m[1], m[2], digest.Digest(m[3])}, nil
}

func (r Reference) String() string {
	s := r.Name
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest.String()
	}
	return s
}

// at is what the OCI distribution API wants behind the name.
func (r Reference) at() string {
	switch {
	case r.Digest != "":
		return r.Digest.String()
	case r.Tag != "":
		return r.Tag
	}
	return "latest"
}

// path is the package's in that API, whose names are in lower case.
func (r Reference) path() string { return "/v2/" + strings.ToLower(r.Name) }
