package catalogue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
)

// States of a version that people should not take.
const (
	Deprecated = "deprecated" // there is something better; it works
	Yanked     = "yanked"     // nobody should take it; who names it exactly still gets it
)

// Target is what a name stands for.
type Target struct {
	Name     string // of the version, channel or tag; "" if it was found by digest or commit
	Manifest Manifest
	Revision *Revision // nil where the manifest is no package
	Content  []byte    // the manifest, to the byte
}

const manifestColumns = "m.id, m.digest, m.media_type, m.artifact_type, m.subject, m.annotations, m.size, m.created"

// manifestInto names where those columns go.
func manifestInto(m *Manifest) []any {
	return []any{&m.ID, &m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, jsonColumn{&m.Annotations}, &m.Size, timeColumn{&m.Created}}
}

// Resolve finds what a name of a repository stands for: a version, channel or tag ("" and main mean latest), a digest
// with its algorithm, or a commit id of 40 hexadecimal digits. ErrNotFound.
func (c *Catalogue) Resolve(ctx context.Context, r *Repository, name string) (*Target, error) {
	q := c.reading(ctx)
	t, err := c.resolve(q, r, name)
	if errors.Is(err, ErrNotFound) {
		return nil, hint.Wrap(err, "see its versions with `xiaoyu info "+r.FullName()+"`", "%s:%.140s", r.FullName(), name)
	}
	return t, wrap(err, "%s:%.140s", r.FullName(), name)
}

func (c *Catalogue) resolve(q queries, r *Repository, name string) (*Target, error) {
	var t Target
	var manifest int64
	var revision *int64
	var err error
	switch {
	case strings.Contains(name, ":"):
		err = q.row("SELECT id FROM manifests WHERE repository_id = ? AND digest = ?", []any{r.ID, name}, &manifest)
	case commit.MatchString(name):
		err = q.row("SELECT manifest_id, id FROM revisions WHERE repository_id = ? AND commit_id = ?", []any{r.ID, name}, &manifest, &revision)
	default:
		t.Name = canonical(name)
		err = q.row("SELECT manifest_id, revision_id FROM refs WHERE repository_id = ? AND name = ?", []any{r.ID, t.Name}, &manifest, &revision)
	}
	if err != nil {
		return nil, err
	}
	err = q.row("SELECT "+manifestColumns+", m.content FROM manifests m WHERE m.id = ?", []any{manifest}, append(manifestInto(&t.Manifest), &t.Content)...)
	if err != nil {
		return nil, err
	}
	if revision != nil {
		t.Revision, err = c.revision(q, "v.id = ?", *revision)
	} else {
		t.Revision, err = c.revision(q, "v.manifest_id = ?", manifest)
	}
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return &t, err
}

// revision returns the newest that meets a condition; ErrNotFound.
func (c *Catalogue) revision(q queries, where string, args ...any) (found *Revision, err error) {
	list, err := c.revisions(q, where+" ORDER BY v.id DESC LIMIT 1", args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (c *Catalogue) revisions(q queries, where string, args ...any) (list []*Revision, err error) {
	err = q.rows(`SELECT v.id, v.commit_id, COALESCE(p.commit_id, ''), v.author, v.message, v.description, v.created, `+manifestColumns+`
		FROM revisions v JOIN manifests m ON m.id = v.manifest_id LEFT JOIN revisions p ON p.id = v.parent_id WHERE `+where, args, func(scan func(...any) error) error {
		var v Revision
		err := scan(append([]any{&v.ID, &v.Commit, &v.Parent, &v.Author, &v.Message, &v.Description, timeColumn{&v.Created}}, manifestInto(&v.Manifest)...)...)
		list = append(list, &v)
		return err
	})
	return list, err
}

// History returns a revision and those before it, newest first: limit of them after skipping some.
func (c *Catalogue) History(ctx context.Context, r *Repository, from *Revision, skip, limit int) ([]*Revision, error) {
	list, err := c.revisions(c.reading(ctx), `v.id IN (
		WITH RECURSIVE line (id, parent_id, n) AS (
			SELECT id, parent_id, 0 FROM revisions WHERE id = ?
			UNION ALL SELECT v2.id, v2.parent_id, line.n + 1 FROM revisions v2 JOIN line ON v2.id = line.parent_id WHERE line.n < ?)
		SELECT id FROM line) ORDER BY v.id DESC LIMIT ? OFFSET ?`, from.ID, skip+limit, limit, skip)
	return list, wrap(err, "history of %s", r.FullName())
}

// Files lists the files of a manifest by path; none for what is no package.
func (c *Catalogue) Files(ctx context.Context, m *Manifest) (list []File, err error) {
	err = c.reading(ctx).rows("SELECT path, digest, size FROM files WHERE manifest_id = ? ORDER BY path", []any{m.ID}, func(scan func(...any) error) error {
		var f File
		err := scan(&f.Path, &f.Digest, &f.Size)
		list = append(list, f)
		return err
	})
	return list, wrap(err, "files of %s", m.Digest)
}

// File returns one file of a manifest; ErrNotFound.
func (c *Catalogue) File(ctx context.Context, m *Manifest, path string) (*File, error) {
	f := File{Path: path}
	err := c.reading(ctx).row("SELECT digest, size FROM files WHERE manifest_id = ? AND path = ?", []any{m.ID, path}, &f.Digest, &f.Size)
	if err != nil {
		return nil, wrap(err, "the file %.200q", path)
	}
	return &f, nil
}

// Facts returns what a package says of itself; nil for what is no package.
func (c *Catalogue) Facts(ctx context.Context, m *Manifest) (*Facts, error) {
	var text string
	if err := c.reading(ctx).row("SELECT facts FROM manifests WHERE id = ?", []any{m.ID}, &text); err != nil || text == "" {
		return nil, wrap(err, "facts of %s", m.Digest)
	}
	var f Facts
	return &f, wrap(json.Unmarshal([]byte(text), &f), "facts of %s", m.Digest)
}

// Ref is a name of a repository.
type Ref struct {
	Name      string
	Kind      string // version, branch or tag
	Digest    digest.Digest
	Commit    string // "" where the manifest is no package
	Updated   time.Time
	State     string // of a version: "", Deprecated or Yanked
	Reason    string
	Successor string
}

// Refs lists the names of a repository: versions first, highest first, then the others by name.
func (c *Catalogue) Refs(ctx context.Context, r *Repository) (list []Ref, err error) {
	err = c.reading(ctx).rows(`SELECT f.name, f.kind, m.digest, COALESCE(v.commit_id, ''), f.updated, COALESCE(s.state, ''), COALESCE(s.reason, ''), COALESCE(s.successor, '')
		FROM refs f JOIN manifests m ON m.id = f.manifest_id LEFT JOIN revisions v ON v.id = f.revision_id LEFT JOIN versions s ON s.repository_id = f.repository_id AND s.name = f.name
		WHERE f.repository_id = ?`, []any{r.ID}, func(scan func(...any) error) error {
		var f Ref
		err := scan(&f.Name, &f.Kind, &f.Digest, &f.Commit, timeColumn{&f.Updated}, &f.State, &f.Reason, &f.Successor)
		list = append(list, f)
		return err
	})
	slices.SortFunc(list, func(a, b Ref) int {
		if va, vb := a.Kind == "version", b.Kind == "version"; va && vb {
			if o := CompareVersions(b.Name, a.Name); o != 0 {
				return o
			}
		} else if va != vb {
			if va {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, wrap(err, "names of %s", r.FullName())
}

// Tags lists the names of a repository in the order of the OCI distribution API, n of them after last; n < 0 for all.
func (c *Catalogue) Tags(ctx context.Context, r *Repository, last string, n int) (list []string, err error) {
	order := "name" // by bytes in SQLite
	if c.postgres {
		order = `name COLLATE "C"`
	}
	if n < 0 {
		n = 1 << 30
	}
	err = c.reading(ctx).rows("SELECT name FROM refs WHERE repository_id = ? AND "+order+" > ? ORDER BY "+order+" LIMIT ?", []any{r.ID, last, n}, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		list = append(list, name)
		return err
	})
	return list, wrap(err, "tags of %s", r.FullName())
}

// Referrers lists the manifests that refer to a digest, in the order in which they came; artifactType "" for all.
func (c *Catalogue) Referrers(ctx context.Context, r *Repository, subject digest.Digest, artifactType string) (list []Manifest, sizes []int64, err error) {
	err = c.reading(ctx).rows("SELECT "+manifestColumns+", LENGTH(m.content) FROM manifests m WHERE m.repository_id = ? AND m.subject = ? AND (? = '' OR m.artifact_type = ?) ORDER BY m.id",
		[]any{r.ID, subject, artifactType, artifactType}, func(scan func(...any) error) error {
			var m Manifest
			var size int64
			err := scan(append(manifestInto(&m), &size)...)
			list, sizes = append(list, m), append(sizes, size)
			return err
		})
	return list, sizes, wrap(err, "referrers of %s", subject)
}

// SetRef makes or moves a name of a repository: a channel, a tag, or a new version, which only a package may become that
// lacks nothing. ErrPublished, ErrInvalid.
func (c *Catalogue) SetRef(ctx context.Context, who Caller, r *Repository, name string, to *Target) error {
	if err := r.Needs(Write); err != nil {
		return err
	}
	name = canonical(name)
	if err := checkRef(name); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		if IsVersion(name) {
			if err := c.complete(q, to.Manifest.ID); err != nil {
				return err
			}
			if err := c.claimVersion(q, r.ID, Publication{Ref: name, Digest: to.Manifest.Digest}); err != nil {
				return err
			}
		}
		var revision *int64
		if to.Revision != nil {
			revision = &to.Revision.ID
		}
		if err := c.setRef(q, r.ID, name, to.Manifest.ID, revision); err != nil {
			return err
		}
		if revision != nil {
			if err := c.followVersion(q, r, name, to.Manifest.ID, *revision); err != nil {
				return err
			}
		}
		if err := c.adoptFacts(q, r.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "tag", r.FullName()+":"+name, to.Manifest.Digest.String())
	}), "naming %s:%s", r.FullName(), name)
}

// complete refuses a package that lacks what a version must have.
func (c *Catalogue) complete(q queries, manifest int64) error {
	var list []inspect.Finding
	if err := q.row("SELECT findings FROM manifests WHERE id = ?", []any{manifest}, jsonColumn{&list}); err != nil {
		return err
	}
	for _, f := range list {
		if f.Severity == inspect.Incomplete {
			return hint.Errorf(f.Way, "a version never changes, and %s: %w", f.Message, ErrInvalid)
		}
	}
	return nil
}

// DeleteRef takes a name from a repository; what it stood for stays. ErrNotFound.
func (c *Catalogue) DeleteRef(ctx context.Context, who Caller, r *Repository, name string) error {
	return c.remove(ctx, who, r, "untag", canonical(name), "DELETE FROM refs WHERE repository_id = ? AND name = ?", canonical(name))
}

// DeleteManifest removes a manifest from a repository with its revisions and all names for it. ErrNotFound.
func (c *Catalogue) DeleteManifest(ctx context.Context, who Caller, r *Repository, d digest.Digest) error {
	return c.remove(ctx, who, r, "delete", d.String(), "DELETE FROM manifests WHERE repository_id = ? AND digest = ?", d)
}

func (c *Catalogue) remove(ctx context.Context, who Caller, r *Repository, action, what, statement string, arg any) error {
	if err := r.Needs(Write); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		n, err := q.exec(statement, r.ID, arg)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err == nil {
			err = c.restoreLatest(q, r.ID)
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), action, r.FullName()+":"+what, "")
	}), "deleting %s of %s", what, r.FullName())
}

// restoreLatest finds another `latest` for packages where there is none: the highest version.
func (c *Catalogue) restoreLatest(q queries, repository int64) error {
	var n int
	if err := q.row("SELECT COUNT(*) FROM refs WHERE repository_id = ? AND name = ?", []any{repository, Latest}, &n); err != nil || n > 0 {
		return err
	}
	best, err := c.bestVersion(q, repository)
	if err != nil || best.name == "" {
		return err
	}
	if err := c.setRef(q, repository, Latest, best.manifest, best.revision); err != nil {
		return err
	}
	return c.adoptFacts(q, repository)
}

// Retire deprecates or yanks a version, or takes that back with state "", with a reason and a successor (a version, or
// owner/name:version; may be empty). `latest` leaves a yanked version for the highest other one.
func (c *Catalogue) Retire(ctx context.Context, who Caller, r *Repository, version, state, reason, successor string) error {
	if err := r.Needs(Write); err != nil {
		return err
	}
	if state != "" && state != Deprecated && state != Yanked {
		return hint.Errorf("it is deprecated, yanked, or empty for neither", "the state %.40q: %w", state, ErrInvalid)
	}
	if state != "" && strings.TrimSpace(reason) == "" {
		return hint.Errorf("say why", "no reason is given: %w", ErrInvalid)
	}
	if err := errors.Join(checkText("the reason", reason, longestDescription, true), checkText("the successor", successor, 300, false)); err != nil {
		return wrap(err, "%s:%s", r.FullName(), version)
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		n, err := q.exec("UPDATE versions SET state = ?, reason = ?, successor = ? WHERE repository_id = ? AND name = ?", state, reason, successor, r.ID, version)
		if err == nil && n == 0 {
			err = hint.Errorf("only versions such as 1.0.0 can be yanked or deprecated", "%w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		if state == Yanked {
			if _, err := q.exec(`DELETE FROM refs WHERE repository_id = ? AND name = ? AND manifest_id IN (SELECT m.id FROM manifests m JOIN versions v ON v.digest = m.digest
				WHERE m.repository_id = ? AND v.repository_id = ? AND v.name = ?)`, r.ID, Latest, r.ID, r.ID, version); err != nil {
				return err
			}
		}
		if err := c.restoreLatest(q, r.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), cmp.Or(state, "restore"), r.FullName()+":"+version, reason)
	}), "%s:%s", r.FullName(), version)
}
