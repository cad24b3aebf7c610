package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// MirrorOptions say what is copied and by whom.
type MirrorOptions struct {
	FromToken, ToToken string   // "" for what logins have kept
	Tags               []string // patterns of those to copy; all if empty
	DryRun             bool     // only say what would be copied
	Home               string   // see Options
	Watch              Watch
}

// Mirrored is what a mirror has done.
type Mirrored struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	DryRun   bool           `json:"dry_run,omitempty"`
	Versions []MirroredTag  `json:"versions"`
	Refers   []MirroredRefs `json:"referrers,omitempty"`
	Copied   int            `json:"copied"` // files that the other side lacked
	Bytes    int64          `json:"bytes"`  // of them
}

// MirroredTag is a version, channel or tag.
type MirroredTag struct {
	Tag    string        `json:"tag"`
	Digest digest.Digest `json:"digest,omitempty"` // on the other side
	State  string        `json:"state"`            // copied, there (already), missing (with DryRun), or refused
	Reason string        `json:"reason,omitempty"` // of a refusal
}

// MirroredRefs is something that refers to a manifest, such as a signature.
type MirroredRefs struct {
	Subject digest.Digest `json:"subject"`
	Digest  digest.Digest `json:"digest"`
	Reason  string        `json:"reason,omitempty"` // why the other side has refused it; "" where it is there
}

// ErrRefused is the error of a mirror that copied all but what the other side refused.
var ErrRefused = errors.New("the other side has refused some versions")

// Mirror copies packages from one place to another: markets, OCI registries and hubs. Between the first two, manifests are
// copied to the byte, so that digests stay, with all that refers to them; a hub has files alone, which keep theirs. Only
// what the other side lacks is sent, and after an interruption the same call goes on.
func Mirror(ctx context.Context, from, to Place, o MirrorOptions) (*Mirrored, error) {
	m := &mirror{options: o, from: from, to: to, result: &Mirrored{From: from.String(), To: to.String(), DryRun: o.DryRun, Versions: []MirroredTag{}}}
	if to.Digest != "" {
		return nil, hint.Errorf("name a tag, or none", "copying to %s: nothing can be put under a digest", to)
	}
	err := m.connect()
	if err == nil {
		err = m.run(ctx)
	}
	if err != nil {
		return m.result, fmt.Errorf("copying %s to %s: %w", from, to, err)
	}
	for _, v := range m.result.Versions {
		if v.State == "refused" {
			return m.result, hint.Wrap(ErrRefused, "see the reason of each; the others are there", "copying %s to %s: %s: %s", from, to, v.Tag, v.Reason)
		}
	}
	return m.result, nil
}

type mirror struct {
	options  MirrorOptions
	from, to Place
	source   *Client // nil for a hub
	target   *Client // nil for a hub
	hubFrom  *hubClient
	hubTo    *hubClient

	mu     sync.Mutex
	result *Mirrored
	count  *counter
	seen   map[digest.Digest]bool // manifests that are there
}

func (m *mirror) connect() (err error) {
	m.count = &counter{watch: m.options.Watch}
	m.seen = map[digest.Digest]bool{}
	if m.from.Scheme == hubScheme {
		m.hubFrom, err = newHub(m.from, m.options.FromToken, m.options.Home)
	} else {
		m.source, err = m.from.connect(m.options.FromToken, m.options.Home)
	}
	if err != nil {
		return err
	}
	if m.to.Scheme == hubScheme {
		m.hubTo, err = newHub(m.to, m.options.ToToken, m.options.Home)
	} else {
		m.target, err = m.to.connect(m.options.ToToken, m.options.Home)
	}
	return err
}

func (m *mirror) run(ctx context.Context) error {
	tags, err := m.tags(ctx)
	if err != nil {
		return at(m.from, err)
	}
	for _, tag := range tags {
		v, err := m.version(ctx, tag)
		if err != nil {
			return fmt.Errorf("%s: %w", tag, err)
		}
		m.result.Versions = append(m.result.Versions, v)
	}
	return nil
}

// version copies one version.
func (m *mirror) version(ctx context.Context, tag string) (MirroredTag, error) {
	under := cmp.Or(m.to.Tag, tag)
	v := MirroredTag{Tag: under}
	var err error
	switch {
	case m.hubFrom != nil && m.hubTo != nil:
		v.State, err = m.hubToHub(ctx, tag, under)
	case m.hubFrom != nil:
		v.Digest, v.State, err = m.fromHub(ctx, tag, under)
	case m.hubTo != nil:
		v.State, err = m.toHub(ctx, tag, under)
	default:
		v.Digest, v.State, err = m.manifests(ctx, tag, under)
	}
	if v.Reason, err = refusal(err); v.Reason != "" {
		v.State = "refused"
	}
	return v, err
}

// refusal is what the other side has against a manifest, "" where it is another error or none.
func refusal(err error) (reason string, other error) {
	var refused *answerError
	if errors.As(err, &refused) && (refused.code == "MANIFEST_INVALID" || refused.code == "DENIED" && refused.status == http.StatusConflict) {
		return refused.message, nil
	}
	return "", err
}

// tags lists what is to be copied: versions before the names that follow them, so that `latest` comes last.
func (m *mirror) tags(ctx context.Context) (list []string, err error) {
	if m.from.Digest != "" {
		return []string{m.from.Digest.String()}, nil
	}
	if m.from.Tag != "" {
		return []string{m.from.Tag}, nil
	}
	var all []string
	if m.hubFrom != nil {
		all, err = m.hubFrom.revisions(ctx)
	} else {
		all, err = m.source.allTags(ctx, Reference{Name: m.from.Name})
	}
	if err != nil {
		return nil, err
	}
	for _, tag := range all {
		ok, err := matches(m.options.Tags, tag)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, tag)
		}
	}
	if len(list) == 0 {
		return nil, hint.Errorf("see what there is with `xiaoyu info`, or leave --tags away", "nothing to copy: there are %d tags, and none is wanted", len(all))
	}
	if len(list) > 1 && m.to.Tag != "" {
		return nil, hint.Errorf("name one version to copy, or no tag to copy it to", "%d versions cannot all become %s", len(list), m.to.Tag)
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(moving(a), moving(b)) })
	return list, nil
}

// moving is 1 for names that follow versions.
func moving(tag string) int {
	if tag == "latest" || tag == "main" {
		return 1
	}
	return 0
}

// fallbackTag is the name under which registries without a list of referrers keep one
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema).
func fallbackTag(d digest.Digest) string { return strings.Replace(d.String(), ":", "-", 1) }

// manifestTypes are the forms of manifests that are copied.
var manifestTypes = []string{v1.MediaTypeImageManifest, v1.MediaTypeImageIndex, "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json"}

// manifests copies a manifest with all that it names and all that refers to it, and puts it under a tag.
func (m *mirror) manifests(ctx context.Context, tag, under string) (digest.Digest, string, error) {
	content, mediaType, d, err := m.source.anyManifest(ctx, m.from, tag)
	if err != nil {
		return "", "", at(m.from, err)
	}
	state := "copied"
	if has, err := m.target.hasManifest(ctx, m.to, under); err != nil {
		return "", "", at(m.to, err)
	} else if has == d {
		state = "there"
		m.seen[d] = true
	}
	if strings.Contains(under, ":") && state == "copied" && m.options.DryRun || m.options.DryRun && state == "copied" {
		return d, "missing", m.count1(ctx, content)
	}
	if m.options.DryRun {
		return d, state, nil
	}
	if state == "copied" {
		if err := m.put(ctx, content, mediaType, d, under); err != nil {
			return d, "", err
		}
	}
	return d, state, m.referrers(ctx, d, 0)
}

// count1 adds up what a manifest needs that the other side lacks.
func (m *mirror) count1(ctx context.Context, content []byte) error {
	o, err := readOutline(content)
	if err != nil {
		return err
	}
	for _, b := range o.blobs() {
		has, err := m.target.hasBlob(ctx, m.to, b.Digest)
		if err != nil {
			return at(m.to, err)
		}
		if !has {
			m.result.Copied++
			m.result.Bytes += b.Size
		}
	}
	for _, child := range o.Manifests {
		content, _, _, err := m.source.anyManifest(ctx, m.from, child.Digest.String())
		if err == nil {
			err = m.count1(ctx, content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// outline is what manifests and indexes name.
type outline struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       *v1.Descriptor    `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Manifests    []v1.Descriptor   `json:"manifests"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

func readOutline(content []byte) (*outline, error) {
	var o outline
	if err := json.Unmarshal(content, &o); err != nil {
		return nil, hint.Wrap(err, "copy it with another program, such as skopeo", "reading the manifest")
	}
	for _, b := range slices.Concat(o.blobs(), o.Manifests) {
		if err := b.Digest.Validate(); err != nil {
			return nil, hint.Wrap(err, "copy it with another program, such as skopeo", "a digest in the manifest")
		}
	}
	return &o, nil
}

func (o *outline) blobs() (list []v1.Descriptor) {
	all := o.Layers
	if o.Config != nil {
		all = append([]v1.Descriptor{*o.Config}, all...)
	}
	for _, b := range all {
		if !strings.Contains(b.MediaType, "foreign") && !strings.Contains(b.MediaType, "nondistributable") { // lie somewhere else, by their maker's wish
			list = append(list, b)
		}
	}
	return list
}

// put copies what a manifest needs, then the manifest, under a tag or its digest.
func (m *mirror) put(ctx context.Context, content []byte, mediaType string, d digest.Digest, under string) error {
	o, err := readOutline(content)
	if err != nil {
		return err
	}
	for _, child := range o.Manifests {
		if m.seen[child.Digest] {
			continue
		}
		inner, innerType, _, err := m.source.anyManifest(ctx, m.from, child.Digest.String())
		if err != nil {
			return at(m.from, err)
		}
		if err := m.put(ctx, inner, innerType, child.Digest, child.Digest.String()); err != nil {
			return err
		}
	}
	jobs := map[digest.Digest]v1.Descriptor{}
	for _, b := range o.blobs() {
		jobs[b.Digest] = b
	}
	for _, b := range jobs {
		m.count.total += b.Size
	}
	if err := each(ctx, jobs, func(ctx context.Context, d digest.Digest, b v1.Descriptor) error { return m.blob(ctx, b) }); err != nil {
		return err
	}
	header := http.Header{"Content-Type": {mediaType}}
	answer, err := m.target.retry(ctx, func() (*http.Response, error) {
		return m.target.send(ctx, "PUT", Reference{Name: m.to.Name}.path()+"/manifests/"+under, bytes.NewReader(content), header, http.StatusCreated)
	})
	if err != nil {
		return at(m.to, err)
	}
	answer.Body.Close()
	m.seen[d] = true
	if got := answer.Header.Get("Docker-Content-Digest"); got != "" && got != d.String() && d.Algorithm() == digest.SHA256 {
		return at(m.to, hint.Errorf("copy it again", "it says that the manifest %s is %s", d, got))
	}
	if o.Subject != nil && answer.Header.Get("OCI-Subject") == "" {
		return m.remember(ctx, o, v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content)), ArtifactType: o.ArtifactType, Annotations: o.Annotations})
	}
	return nil
}

// remember adds a referrer to the list that stands under a tag where a registry keeps none by itself.
func (m *mirror) remember(ctx context.Context, o *outline, d v1.Descriptor) error {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	tag := fallbackTag(o.Subject.Digest)
	content, _, _, err := m.target.anyManifest(ctx, m.to, tag)
	if err == nil {
		err = json.Unmarshal(content, &index)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return at(m.to, err)
	}
	if slices.ContainsFunc(index.Manifests, func(have v1.Descriptor) bool { return have.Digest == d.Digest }) {
		return nil
	}
	index.Manifests = append(index.Manifests, d)
	if content, err = json.Marshal(index); err != nil {
		return err
	}
	answer, err := m.target.send(ctx, "PUT", Reference{Name: m.to.Name}.path()+"/manifests/"+tag, bytes.NewReader(content), http.Header{"Content-Type": {v1.MediaTypeImageIndex}}, http.StatusCreated)
	if err != nil {
		return at(m.to, err)
	}
	return answer.Body.Close()
}

// deepestReferrers is how far what refers to what refers to a package is followed.
const deepestReferrers = 5

// referrers copies what refers to a manifest.
func (m *mirror) referrers(ctx context.Context, subject digest.Digest, depth int) error {
	if depth >= deepestReferrers {
		return nil
	}
	list, err := m.source.referrersOf(ctx, m.from, subject)
	if err != nil {
		return at(m.from, err)
	}
	for _, r := range list {
		if m.seen[r.Digest] {
			continue
		}
		content, mediaType, d, err := m.source.anyManifest(ctx, m.from, r.Digest.String())
		if err != nil {
			return at(m.from, err)
		}
		has, err := m.target.hasManifest(ctx, m.to, d.String())
		if err != nil {
			return at(m.to, err)
		}
		if m.seen[d] = true; has != d {
			// A signature by a key that the other side does not know, say, is no reason to do without the package.
			reason, err := refusal(m.put(ctx, content, mediaType, d, d.String()))
			if err != nil {
				return err
			}
			m.result.Refers = append(m.result.Refers, MirroredRefs{subject, d, reason})
		}
		if err := m.referrers(ctx, d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// blob copies a blob that the other side lacks: through the cache, so that a cut on either side costs little.
func (m *mirror) blob(ctx context.Context, b v1.Descriptor) error {
	has, err := m.target.hasBlob(ctx, m.to, b.Digest)
	if err != nil {
		return at(m.to, err)
	}
	file := pack.File{Path: b.Digest.String(), Digest: b.Digest, Size: b.Size}
	if has {
		m.count.add(b.Size, file.Path)
		return nil
	}
	store, err := m.source.cache().store()
	if err != nil {
		return err
	}
	_, missing := store.Stat(ctx, b.Digest)
	if _, err := m.source.download(ctx, Reference{Name: m.from.Name}, file, &counter{}); err != nil {
		return at(m.from, err)
	}
	sent, err := m.target.pushBlob(ctx, Reference{Name: m.to.Name}, b.Digest, source{name: file.Path, size: b.Size, file: store.Path(b.Digest)}, m.count)
	if err != nil {
		return at(m.to, err)
	}
	m.mu.Lock()
	m.result.Copied++
	m.result.Bytes += sent
	m.mu.Unlock()
	if errors.Is(missing, blob.ErrNotFound) { // it is not one that the user has pulled
		return store.Delete(ctx, b.Digest)
	}
	return nil
}
