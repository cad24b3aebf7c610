package depot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Request is a manifest to publish.
type Request struct {
	Who        catalogue.Caller
	Repository *catalogue.Repository
	Manifest   []byte
	MediaType  string           // as it was sent; "" for what the manifest says
	Algorithm  digest.Algorithm // of its digest; SHA-256 if empty
	Ref        string           // version, channel or tag; "" for none

	Message, Description string // of the revision
	Commit               bool   // make a revision even if there is one with the same files
	Parent               string // commit that Ref must be at; "" for any
}

// Result is what was published.
type Result struct {
	Digest   digest.Digest
	Subject  digest.Digest
	Revision *catalogue.Revision // nil where the manifest is no package, or has no name
	Findings []Finding           // what is not good, but did not forbid it
}

// Package is one that is about to be published, for those who check it beyond what package inspect does.
type Package struct {
	Who        catalogue.Caller
	Repository *catalogue.Repository
	Version    string // that it will be, "" for a channel or a branch
	Files      []pack.File
	Facts      *pack.Facts
	// Open returns the content of a file; fs.ErrNotExist if there is none of the name.
	Open func(path string) (File, error)
}

// File is one of a package that is being read.
type File = inspect.File

// Check looks at a package. What it finds is told to who publishes; errors are for failures of the check itself.
type Check func(ctx context.Context, p *Package) ([]Finding, error)

// Finding is something about a package that its publisher should know.
type Finding = inspect.Finding

// Rejected is the error of a package that is not good enough to be published.
type Rejected struct {
	Findings []Finding
	err      error
}

func (r *Rejected) Error() string { return r.err.Error() }

// told is how many findings an error tells; the others are in its list.
const told = 5

// rejected makes an error of what was found: what is wrong, and the way out of the worst.
func rejected(list []Finding) *Rejected {
	var said []string
	way := ""
	for _, f := range list {
		if f.Severity == inspect.Warned {
			continue
		}
		if way == "" {
			way = f.Way
		}
		said = append(said, strings.TrimPrefix(f.Path+": "+f.Message, ": "))
	}
	text := strings.Join(said[:min(len(said), told)], ", and ")
	if more := len(said) - told; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return &Rejected{Findings: list, err: hint.Errorf(way, "%s", text)}
}

// Unwrap returns what was wrong, where it is an error.
func (r *Rejected) Unwrap() error { return r.err }

// outline is what manifests and indexes have in common.
type outline struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *v1.Descriptor    `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Manifests     []v1.Descriptor   `json:"manifests"`
	Subject       *v1.Descriptor    `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

// Publish makes a manifest visible, and a version, channel or tag stand for it. A package is checked first: Rejected if
// it is not good. For the other errors see catalogue.Publish.
func (d *Depot) Publish(ctx context.Context, q Request) (*Result, error) {
	p, err := d.publication(ctx, q)
	if err != nil {
		return nil, err
	}
	result := &Result{Digest: p.Digest, Subject: p.Subject}
	m, err := pack.Parse(q.Manifest)
	switch {
	case p.ArtifactType == sign.BundleType:
		if p.SignedBy, err = d.signature(ctx, q, p); err != nil {
			return nil, err
		}
	case errors.Is(err, pack.ErrNotPackage):
	case err != nil:
		return nil, &Rejected{err: err}
	default:
		if result.Findings, err = d.inspect(ctx, q, m, p); err != nil {
			return nil, err
		}
		p.Findings = result.Findings
	}
	result.Revision, err = d.Catalogue.Publish(ctx, q.Who, q.Repository, *p)
	return result, err
}

// publication reads what any manifest or index says.
func (d *Depot) publication(ctx context.Context, q Request) (*catalogue.Publication, error) {
	reject := func(way, format string, args ...any) error {
		return &Rejected{err: hint.Errorf(way, format, args...)}
	}
	const way = "send a manifest or an index of the OCI image specification"
	if len(q.Manifest) > pack.MaxManifest {
		return nil, reject("make it smaller", "a manifest of more than %d MB", pack.MaxManifest>>20)
	}
	var o outline
	if err := json.Unmarshal(q.Manifest, &o); err != nil {
		return nil, reject(way, "the manifest is no JSON: %v", err)
	}
	if o.SchemaVersion != 2 {
		return nil, reject(way, "the manifest's schemaVersion is %d, not 2", o.SchemaVersion)
	}
	if o.MediaType != "" && q.MediaType != "" && o.MediaType != q.MediaType {
		return nil, reject(way, "the manifest says that it is %s and was sent as %s", o.MediaType, q.MediaType)
	}
	if q.Algorithm == "" {
		q.Algorithm = digest.SHA256
	}
	p := &catalogue.Publication{Digest: q.Algorithm.FromBytes(q.Manifest), MediaType: q.MediaType, ArtifactType: o.ArtifactType, Annotations: o.Annotations, Content: q.Manifest,
		Ref: q.Ref, Message: q.Message, Description: q.Description, Commit: q.Commit, Parent: q.Parent}
	if p.MediaType == "" {
		p.MediaType = o.MediaType
	}
	if o.Subject != nil {
		if err := o.Subject.Digest.Validate(); err != nil {
			return nil, reject(way, "the manifest's subject: %v", err)
		}
		p.Subject = o.Subject.Digest
	}
	blobs := o.Layers
	if o.Config != nil {
		blobs = append([]v1.Descriptor{*o.Config}, blobs...)
		if p.ArtifactType == "" {
			p.ArtifactType = o.Config.MediaType
		}
	}
	for _, b := range blobs {
		if err := b.Digest.Validate(); err != nil {
			return nil, reject(way, "a digest in the manifest: %v", err)
		}
		if strings.Contains(b.MediaType, "nondistributable") || strings.Contains(b.MediaType, "foreign") {
			continue // lies somewhere else, by its maker's wish
		}
		p.Blobs = append(p.Blobs, b.Digest)
	}
	for _, b := range o.Manifests {
		if _, err := d.Catalogue.Resolve(ctx, q.Repository, b.Digest.String()); errors.Is(err, catalogue.ErrNotFound) {
			return nil, &catalogue.MissingBlobs{Digests: []digest.Digest{b.Digest}}
		} else if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// inspect checks a package and adds to its publication what it says of itself.
func (d *Depot) inspect(ctx context.Context, q Request, m *pack.Manifest, p *catalogue.Publication) ([]Finding, error) {
	r := q.Repository
	sizes, err := d.Catalogue.Sizes(ctx, r, m.Blobs())
	if err != nil {
		return nil, err
	}
	var missing []digest.Digest
	for _, b := range m.Blobs() {
		if _, ok := sizes[b]; !ok {
			missing = append(missing, b)
		}
	}
	if len(missing) > 0 {
		return nil, hint.Wrap(&catalogue.MissingBlobs{Digests: missing}, "send them, then the manifest again", "the package")
	}
	if most := d.Quota.Package; most > 0 && m.Size() > most {
		return nil, &Rejected{err: hint.Errorf("leave something out, or publish it as several", "the package has %s, of %s at most: %w", size.Bytes(m.Size()), size.Bytes(most), ErrTooLarge)}
	}
	files := map[string]pack.File{}
	for _, f := range m.Files {
		if sizes[f.Digest] != f.Size {
			return nil, &Rejected{err: hint.Errorf("pack it again", "the file %s has %d bytes, the manifest says %d", f.Path, sizes[f.Digest], f.Size)}
		}
		files[f.Path] = f
	}
	open := func(path string) (File, error) {
		f, ok := files[path]
		if !ok {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		content, err := d.Blobs.Open(ctx, f.Digest)
		if errors.Is(err, blob.ErrNotFound) { // Collect has taken it in the meantime
			return nil, hint.Wrap(&catalogue.MissingBlobs{Digests: []digest.Digest{f.Digest}}, "send it, then the manifest again", "the package")
		}
		return content, err
	}
	facts, err := pack.ReadFacts(m.Kind, m.Files, func(path string) (io.ReadCloser, error) { return open(path) })
	if err != nil {
		return nil, &Rejected{err: err}
	}
	checked := &Package{Who: q.Who, Repository: r, Files: m.Files, Facts: facts, Open: open}
	if catalogue.IsVersion(q.Ref) {
		checked.Version = q.Ref
	}
	findings, err := d.check(ctx, checked)
	if err != nil {
		return nil, err
	}
	p.Files = m.Files
	p.Package = &catalogue.Facts{Kind: facts.Kind, Title: facts.Title, Description: facts.Description, Licence: facts.Licence, Task: facts.Task, Library: facts.Library, Family: facts.Family, Latency: facts.Latency, Size: m.Size(), Sources: facts.Sources,
		Labels: map[string][]string{catalogue.Language: facts.Languages, catalogue.Tag: facts.Tags, catalogue.TrainedOn: facts.Datasets, catalogue.BaseModel: facts.BaseModels}}
	for _, n := range facts.Needs {
		p.Package.Labels[catalogue.Dependency] = append(p.Package.Labels[catalogue.Dependency], n.Package)
	}
	return findings, nil
}

// check has a package inspected, its dependencies looked for, and whatever else the depot was opened with.
func (d *Depot) check(ctx context.Context, p *Package) (all []Finding, err error) {
	all, err = d.inspector.Inspect(ctx, &inspect.Package{Kind: p.Facts.Kind, Files: p.Files, Facts: p.Facts, Final: p.Version != "", Open: p.Open,
		Licence: func(ctx context.Context, name string) (string, bool, error) { return d.licence(ctx, p.Who, name) }})
	if err != nil {
		return nil, fmt.Errorf("inspecting the package: %w", err)
	}
	for _, c := range append([]Check{d.dependencies}, d.checks...) {
		findings, err := c(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("checking the package: %w", err)
		}
		all = append(all, findings...)
	}
	if inspect.Refuses(all, p.Version != "") {
		return nil, rejected(all)
	}
	return all, nil
}

// licence is that of another package, as far as the market has it and who publishes may see it.
func (d *Depot) licence(ctx context.Context, who catalogue.Caller, name string) (string, bool, error) {
	r, err := d.Catalogue.Repository(ctx, who, name)
	if errors.Is(err, catalogue.ErrNotFound) || errors.Is(err, catalogue.ErrInvalid) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return r.Licence, true, nil
}

// Change is a new state of a repository's files, for protocols that have no manifests. The blobs of the files must be the
// repository's already.
type Change struct {
	Request // Manifest and MediaType are made
	Kind    pack.Kind
	Files   []pack.File // all that there are after the change
}

// Commit makes a package of files and publishes it.
func (d *Depot) Commit(ctx context.Context, c Change) (*Result, error) {
	byPath := map[string]pack.File{}
	var blobs []digest.Digest
	for _, f := range c.Files {
		byPath[f.Path] = f
		blobs = append(blobs, f.Digest)
	}
	sizes, err := d.Catalogue.Sizes(ctx, c.Repository, blobs) // before anything of them is read
	if err != nil {
		return nil, err
	}
	for _, b := range blobs {
		if _, ok := sizes[b]; !ok {
			return nil, hint.Wrap(&catalogue.MissingBlobs{Digests: []digest.Digest{b}}, "send it first", "the commit")
		}
	}
	facts, err := pack.ReadFacts(c.Kind, c.Files, func(path string) (io.ReadCloser, error) {
		f, ok := byPath[path]
		if !ok {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return d.Blobs.Open(ctx, f.Digest)
	})
	if err != nil {
		return nil, &Rejected{err: err}
	}
	manifest, config, err := pack.Build(c.Files, *facts)
	if err != nil {
		return nil, &Rejected{err: err}
	}
	if _, err := d.Receive(ctx, c.Repository, digest.FromBytes(config), int64(len(config)), strings.NewReader(string(config))); err != nil {
		return nil, err
	}
	c.Manifest, c.MediaType = manifest, v1.MediaTypeImageManifest
	return d.Publish(ctx, c.Request)
}
