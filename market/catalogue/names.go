package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Latest is the name that stands for a repository's newest stable version, or for its newest revision where it has no
// versions. The Hugging Face hub calls it main.
const Latest = "latest"

// Names must do as a part of a path in the OCI distribution API once they are in lower case
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests), and as tags.
var (
	namePattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	refPattern  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	commit      = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// reserved are names that nobody can have, since the market's own pages and protocols lie there.
var reserved = []string{
	"about", "account", "admin", "api", "applications", "apps", "assets", "atom", "benchmarks", "collections", "dataset", "datasets", "docs",
	"explore", "feed", "healthz", "help", "join", "login", "logout", "market", "metrics", "model", "models", "new", "notifications",
	"organisations", "organizations", "orgs", "package", "packages", "password", "readyz", "resolve", "robots.txt", "search",
	"sessions", "settings", "signup", "sitemap.xml", "spaces", "static", "tokens", "trending", "user", "users", "v2", "www",
}

func key(name string) string { return strings.ToLower(name) }

func checkName(what, name string) error {
	const way = "use letters, digits, and single '.', '_' or '-' between them, 96 characters at most"
	if len(name) > 96 || !namePattern.MatchString(key(name)) {
		return hint.Errorf(way, "%s %.120q: %w", what, name, ErrInvalid)
	}
	return nil
}

func checkAccountName(name string) error {
	if err := checkName("the name", name); err != nil {
		return err
	}
	if len(name) < 2 || len(name) > 40 {
		return hint.Errorf("choose one of 2 to 40 characters", "the name %q: %w", name, ErrInvalid)
	}
	if slices.Contains(reserved, key(name)) {
		return hint.Errorf("choose another", "the name %q is reserved: %w", name, ErrInvalid)
	}
	return nil
}

// SplitName cuts owner/name apart.
func SplitName(full string) (owner, name string, err error) {
	owner, name, ok := strings.Cut(full, "/")
	if !ok || strings.Contains(name, "/") {
		return "", "", hint.Errorf("write owner/name", "the package %.120q: %w", full, ErrInvalid)
	}
	if err := checkName("the owner", owner); err != nil {
		return "", "", err
	}
	if err := checkName("the package", name); err != nil {
		return "", "", err
	}
	return owner, name, nil
}

// checkRef refuses what cannot be the name of a version, a channel or a tag.
func checkRef(name string) error {
	if !refPattern.MatchString(name) || commit.MatchString(name) {
		return hint.Errorf("use letters, digits, '.', '_' and '-', 128 characters at most, as in 1.0.0 or beta", "the tag %.140q: %w", name, ErrInvalid)
	}
	return nil
}

// IsVersion tells a semantic version (https://semver.org), with or without a v before it: 1.2.3, v1.2.3-beta.1.
func IsVersion(ref string) bool {
	v := asSemver(ref)
	return semver.IsValid(v) && semver.Canonical(v) == v
}

// stable tells a version that is no pre-release.
func stable(version string) bool { return semver.Prerelease(asSemver(version)) == "" }

// CompareVersions orders semantic versions by precedence.
func CompareVersions(a, b string) int { return semver.Compare(asSemver(a), asSemver(b)) }

func asSemver(ref string) string { return "v" + strings.TrimPrefix(ref, "v") }

// canonical is the name under which a ref is kept.
func canonical(ref string) string {
	if ref == "" || ref == "main" {
		return Latest
	}
	return ref
}
