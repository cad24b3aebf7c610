package catalogue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// File is one of a package.
type File = pack.File

// Publication is what Publish makes visible, all of it at once.
type Publication struct {
	Digest       digest.Digest
	MediaType    string
	ArtifactType string
	Subject      digest.Digest // of what the manifest refers to; "" for none
	SignedBy     string        // fingerprint of the key, where the manifest is a signature of its subject that was found to be right
	Annotations  map[string]string
	Content      []byte          // the manifest, to the byte
	Blobs        []digest.Digest // what it needs

	Ref         string // version, channel or tag to publish under; "" for the digest alone
	Package     *Facts // nil where the manifest is no package of ours
	Files       []File // of the package
	Findings    []inspect.Finding
	Message     string // of the revision; a default if empty
	Description string
	Commit      bool   // make a revision even if there is one with the same files
	Parent      string // commit id that Ref must be at, Root where there is none yet, else ErrConflict; "" for any
}

// Root is the commit id of the state before the first revision, without files.
const Root = "0000000000000000000000000000000000000000"

// MissingBlobs is the error of a manifest that needs blobs which its repository does not have.
type MissingBlobs struct{ Digests []digest.Digest }

func (m *MissingBlobs) Error() string {
	return fmt.Sprintf("%d blobs are missing, such as %s", len(m.Digests), m.Digests[0])
}

// Revision is a state of a repository's files, with who made it.
type Revision struct {
	ID          int64
	Commit      string // 40 hexadecimal digits
	Parent      string // commit id; "" for the first
	Author      string
	Message     string
	Description string
	Created     time.Time
	Manifest    Manifest
}

// Manifest is one of a repository.
type Manifest struct {
	ID           int64
	Digest       digest.Digest
	MediaType    string
	ArtifactType string
	Subject      digest.Digest
	Annotations  map[string]string
	Size         int64 // bytes of the package's files
	Created      time.Time
}

// Publish adds a manifest to a repository, moves the name to it under which it is published, and notes the revision, in
// one transaction: when it returns nil, all of it is there and safe; else nothing is. The revision is nil for a manifest
// that is no package.
//
// Errors: MissingBlobs; ErrPublished for another content under the name of a version that was ever published;
// ErrConflict where the parent is not the one expected; ErrInvalid for a package of another kind than the repository's.
func (c *Catalogue) Publish(ctx context.Context, who Caller, r *Repository, p Publication) (revision *Revision, err error) {
	if err := who.Needs(Write); err != nil {
		return nil, err
	}
	if err := r.Needs(Write); err != nil {
		return nil, err
	}
	if p.Ref != "" {
		p.Ref = canonical(p.Ref)
		if err := checkRef(p.Ref); err != nil {
			return nil, err
		}
	}
	err = c.update(ctx, func(q queries) error {
		revision = nil
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		if err := c.keepAll(q, r.ID, p.Blobs); err != nil {
			return err
		}
		manifest, err := c.addManifest(q, r.ID, p)
		if err != nil {
			return err
		}
		if p.SignedBy != "" {
			if err := c.noteSignature(q, p, r.ID); err != nil {
				return err
			}
		}
		if p.Package != nil {
			if err := c.noteFindings(q, manifest, p.Findings); err != nil {
				return err
			}
		}
		if p.Ref == "" {
			return nil
		}
		if IsVersion(p.Ref) {
			if err := c.claimVersion(q, r.ID, p); err != nil {
				return err
			}
		}
		if p.Package == nil {
			return c.setRef(q, r.ID, p.Ref, manifest, nil)
		}
		revision, err = c.addRevision(q, who, r, p, manifest)
		if err != nil {
			return err
		}
		if err := c.setRef(q, r.ID, p.Ref, manifest, &revision.ID); err != nil {
			return err
		}
		if err := c.followVersion(q, r, p.Ref, manifest, revision.ID); err != nil {
			return err
		}
		if err := c.describe(q, r.ID, manifest, p.Package); err != nil {
			return err
		}
		if err := c.wantAll(q, manifest, p.Package); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "publish", r.FullName()+":"+p.Ref, p.Digest.String())
	})
	if err != nil {
		return nil, wrap(err, "publishing %s", r.FullName()+":"+p.Ref)
	}
	return revision, nil
}

// keepAll makes sure that blobs are there and will stay.
func (c *Catalogue) keepAll(q queries, repository int64, blobs []digest.Digest) error {
	var missing []digest.Digest
	now := stamp(c.now())
	for _, d := range blobs {
		n, err := q.exec("UPDATE blobs SET touched = ? WHERE digest = ? AND state = ? AND EXISTS (SELECT 1 FROM repository_blobs l WHERE l.digest = blobs.digest AND l.repository_id = ?)", now, d, present, repository)
		if err != nil {
			return err
		}
		if n == 0 {
			missing = append(missing, d)
		}
	}
	if len(missing) > 0 {
		return hint.Wrap(&MissingBlobs{missing}, "send them, then the manifest again", "the manifest")
	}
	return nil
}

func (c *Catalogue) addManifest(q queries, repository int64, p Publication) (id int64, err error) {
	err = q.row("SELECT id FROM manifests WHERE repository_id = ? AND digest = ?", []any{repository, p.Digest}, &id)
	if !errors.Is(err, ErrNotFound) {
		return id, err
	}
	annotations := ""
	if len(p.Annotations) > 0 {
		b, err := json.Marshal(p.Annotations)
		if err != nil {
			return 0, err
		}
		annotations = string(b)
	}
	var size int64
	for _, f := range p.Files {
		size += f.Size
	}
	err = q.row("INSERT INTO manifests (repository_id, digest, media_type, artifact_type, subject, annotations, content, size, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
		[]any{repository, p.Digest, p.MediaType, p.ArtifactType, p.Subject, annotations, p.Content, size, stamp(c.now())}, &id)
	if err != nil {
		return 0, err
	}
	for _, d := range p.Blobs {
		if _, err := q.exec("INSERT INTO manifest_blobs (manifest_id, digest) VALUES (?, ?) ON CONFLICT DO NOTHING", id, d); err != nil {
			return 0, err
		}
	}
	for _, f := range p.Files {
		if _, err := q.exec("INSERT INTO files (manifest_id, path, digest, size) VALUES (?, ?, ?, ?)", id, f.Path, f.Digest, f.Size); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// claimVersion gives a version's name to a digest for ever.
func (c *Catalogue) claimVersion(q queries, repository int64, p Publication) error {
	if _, err := q.exec("INSERT INTO versions (repository_id, name, digest, published) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", repository, p.Ref, p.Digest, stamp(c.now())); err != nil {
		return err
	}
	var is digest.Digest
	if err := q.row("SELECT digest FROM versions WHERE repository_id = ? AND name = ?", []any{repository, p.Ref}, &is); err != nil {
		return err
	}
	if is != p.Digest {
		return hint.Errorf("publish it as a new version", "%s is %s: %w", p.Ref, is, ErrPublished)
	}
	return nil
}

func (c *Catalogue) setRef(q queries, repository int64, name string, manifest int64, revision *int64) error {
	kind := "tag"
	switch {
	case IsVersion(name):
		kind = "version"
	case name == Latest:
		kind = "branch"
	}
	_, err := q.exec(`INSERT INTO refs (repository_id, name, kind, manifest_id, revision_id, updated) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id, revision_id = excluded.revision_id, updated = excluded.updated`,
		repository, name, kind, manifest, revision, stamp(c.now()))
	return err
}

// addRevision returns the revision of a manifest: the one that there is, or a new one on top of what the name was at, or
// `latest` where the name is new.
func (c *Catalogue) addRevision(q queries, who Caller, r *Repository, p Publication, manifest int64) (*Revision, error) {
	if r.Kind != "" && p.Package.Kind != r.Kind {
		return nil, hint.Errorf("publish it under another name", "a %s in a repository for a %s: %w", p.Package.Kind, r.Kind, ErrInvalid)
	}
	var parent int64
	var at string
	for _, name := range []string{p.Ref, Latest} {
		err := q.row("SELECT v.id, v.commit_id FROM refs f JOIN revisions v ON v.id = f.revision_id WHERE f.repository_id = ? AND f.name = ?", []any{r.ID, name}, &parent, &at)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	if p.Parent != "" && p.Parent != cmp.Or(at, Root) {
		return nil, hint.Errorf("fetch it and try again", "%s is at %s and not at %s: %w", p.Ref, at, p.Parent, ErrConflict)
	}
	if !p.Commit {
		if v, err := c.revision(q, "v.repository_id = ? AND v.manifest_id = ?", r.ID, manifest); !errors.Is(err, ErrNotFound) {
			return v, err
		}
	}
	if p.Message == "" {
		p.Message = "Publish " + p.Ref
	}
	now := stamp(c.now())
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Digest.String(), at, who.Name(), fmt.Sprint(r.ID, " ", now), p.Message, p.Description}, "\x00")))
	id := hex.EncodeToString(sum[:20])
	var above any
	if parent != 0 {
		above = parent
	}
	if _, err := q.exec("INSERT INTO revisions (repository_id, commit_id, manifest_id, parent_id, author_id, author, message, description, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, id, manifest, above, who.Account.ID, who.Name(), p.Message, p.Description, now); err != nil {
		return nil, err
	}
	return c.revision(q, "v.repository_id = ? AND v.commit_id = ?", r.ID, id)
}

// followVersion lets `latest` follow where a stable version is published that is higher than all others.
func (c *Catalogue) followVersion(q queries, r *Repository, ref string, manifest, revision int64) error {
	if !IsVersion(ref) {
		return nil
	}
	best, err := c.bestVersion(q, r.ID)
	if err != nil {
		return err
	}
	if best.name != ref {
		var n int // the first version of all is the latest even as a pre-release
		if err := q.row("SELECT COUNT(*) FROM refs WHERE repository_id = ? AND name = ?", []any{r.ID, Latest}, &n); err != nil || n > 0 {
			return err
		}
	}
	return c.setRef(q, r.ID, Latest, manifest, &revision)
}

type namedRef struct {
	name     string
	manifest int64
	revision *int64
}

// bestVersion is the highest stable version that is not yanked; the zero value if there is none.
func (c *Catalogue) bestVersion(q queries, repository int64) (best namedRef, err error) {
	err = q.rows(`SELECT f.name, f.manifest_id, f.revision_id FROM refs f JOIN versions v ON v.repository_id = f.repository_id AND v.name = f.name
		WHERE f.repository_id = ? AND f.kind = 'version' AND v.state <> ? AND f.revision_id IS NOT NULL`, []any{repository, Yanked}, func(scan func(...any) error) error {
		var n namedRef
		if err := scan(&n.name, &n.manifest, &n.revision); err != nil {
			return err
		}
		if stable(n.name) && (best.name == "" || CompareVersions(n.name, best.name) > 0) {
			best = n
		}
		return nil
	})
	return best, err
}

// describe gives a repository the facts of a manifest if that is its latest, and its kind in any case.
func (c *Catalogue) describe(q queries, repository, manifest int64, f *Facts) error {
	now := stamp(c.now())
	if _, err := q.exec("UPDATE repositories SET kind = ?, updated = ? WHERE id = ?", f.Kind, now, repository); err != nil {
		return err
	}
	facts, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if _, err := q.exec("UPDATE manifests SET facts = ? WHERE id = ?", string(facts), manifest); err != nil {
		return err
	}
	return c.adoptFacts(q, repository)
}

// noteFindings keeps what an inspection has found in a package.
func (c *Catalogue) noteFindings(q queries, manifest int64, list []inspect.Finding) error {
	text := ""
	if len(list) > 0 {
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		text = string(b)
	}
	_, err := q.exec("UPDATE manifests SET findings = ? WHERE id = ?", text, manifest)
	return err
}

// Findings returns what the inspection of a package had found when it was published.
func (c *Catalogue) Findings(ctx context.Context, m *Manifest) (list []inspect.Finding, err error) {
	return list, wrap(c.reading(ctx).row("SELECT findings FROM manifests WHERE id = ?", []any{m.ID}, jsonColumn{&list}), "findings of %s", m.Digest)
}

// adoptFacts makes the facts of `latest` those of its repository.
func (c *Catalogue) adoptFacts(q queries, repository int64) error {
	var text string
	err := q.row("SELECT m.facts FROM refs f JOIN manifests m ON m.id = f.manifest_id WHERE f.repository_id = ? AND f.name = ?", []any{repository, Latest}, &text)
	if errors.Is(err, ErrNotFound) || err == nil && text == "" {
		return nil
	}
	if err != nil {
		return err
	}
	var f Facts
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return fmt.Errorf("reading the facts of a package: %w", err)
	}
	if _, err := q.exec("UPDATE repositories SET title = ?, description = ?, licence = ?, task = ?, library = ?, family = ?, parameters = ?, size = ?, latency = ? WHERE id = ?",
		f.Title, f.Description, f.Licence, f.Task, f.Library, f.Family, f.Parameters, f.Size, f.Latency, repository); err != nil {
		return err
	}
	const measured = " FROM refs f JOIN verifications v ON v.manifest_id = f.manifest_id WHERE f.repository_id = ? AND f.name = ? AND v.state = ?"
	if _, err := q.exec("UPDATE repositories SET latency = COALESCE((SELECT MIN(v.latency)"+measured+" AND v.latency > 0), latency) WHERE id = ?", repository, Latest, Measured, repository); err != nil {
		return err
	}
	if _, err := q.exec("DELETE FROM labels WHERE repository_id = ?", repository); err != nil {
		return err
	}
	for facet, values := range f.Labels {
		for _, v := range values {
			if _, err := q.exec("INSERT INTO labels (repository_id, facet, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", repository, facet, v); err != nil {
				return err
			}
		}
	}
	if err := c.adoptSources(q, repository, f.Sources); err != nil {
		return err
	}
	if _, err := q.exec(`INSERT INTO labels (repository_id, facet, value) SELECT f.repository_id, 'signed', 'yes' FROM refs f
		WHERE f.repository_id = ? AND f.name = ? AND EXISTS (SELECT 1 FROM signatures s WHERE s.manifest_id = f.manifest_id) ON CONFLICT DO NOTHING`, repository, Latest); err != nil {
		return err
	}
	if _, err := q.exec("INSERT INTO labels (repository_id, facet, value) SELECT DISTINCT f.repository_id, 'verified', 'yes'"+measured+" ON CONFLICT DO NOTHING", repository, Latest, Measured); err != nil {
		return err
	}
	return c.index(q, repository)
}
