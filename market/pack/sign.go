package pack

import (
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Signed is what a signature of a package speaks of: its files, under a name for people. A file's digest is that of its
// blob, so that nothing has to be read.
func Signed(name string, files []File) *sign.Manifest {
	m := &sign.Manifest{Model: name, Ignored: []string{}}
	for _, f := range files {
		d, err := sign.ParseDigest(f.Digest.Encoded())
		if err != nil {
			panic(err) // Parse and Folder let no other digests pass
		}
		m.Files = append(m.Files, sign.File{Name: f.Path, Digest: d})
	}
	m.Sort()
	return m
}

// Signature is a manifest that carries a signed statement about a package and refers to it, as
// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md has it. Blobs are what it needs, by their digests.
type Signature struct {
	Manifest []byte
	Blobs    map[digest.Digest][]byte
}

// NewSignature makes the manifest for a bundle about a package whose manifest has a digest and a size. predicate says what
// kind of statement it is; artifactType is sign.BundleType for signatures of files.
func NewSignature(b *sign.Bundle, artifactType, predicate string, of digest.Digest, size int64) (*Signature, error) {
	bundle, err := b.JSON()
	if err != nil {
		return nil, err
	}
	s := &Signature{Blobs: map[digest.Digest][]byte{}}
	layer := func(kind string, content []byte) v1.Descriptor {
		d := digest.FromBytes(content)
		s.Blobs[d] = content
		return v1.Descriptor{MediaType: kind, Digest: d, Size: int64(len(content))}
	}
	s.Manifest, err = json.Marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: layer(v1.MediaTypeEmptyJSON, []byte("{}")), Layers: []v1.Descriptor{layer(sign.BundleType, bundle)},
		Subject:     &v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: of, Size: size},
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicate, v1.AnnotationCreated: time.Now().UTC().Format(time.RFC3339)}})
	return s, err
}
