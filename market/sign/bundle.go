// Package sign signs folders of models and checks such signatures, as OpenSSF Model Signing v1.0 defines them
// (https://github.com/sigstore/model-transparency): the SHA-256 of every file stands in an in-toto statement
// (https://github.com/in-toto/attestation/tree/main/spec/v1), in a DSSE envelope
// (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md), in a Sigstore bundle
// (https://docs.sigstore.dev/about/bundle/), a JSON file. Keys are elliptic curves': P-256, P-384 and P-521, alone or with
// a chain of certificates. The PyPI package model-signing reads what is written here, and the other way round.
package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const (
	// BundleType is the media type of a bundle: of the layer that holds it on a market, too.
	BundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"

	// PredicateType is the kind of statements about the files of a model.
	PredicateType = "https://model_signing/signature/v1.0"
)

// MaxBundle is how long a bundle may be, in bytes: some 100,000 files.
const MaxBundle = 32 << 20

// Bundle is a signature with all that it takes to check it, but the key.
type Bundle struct {
	MediaType string   `json:"mediaType"`
	Material  material `json:"verificationMaterial"`
	Envelope  envelope `json:"dsseEnvelope"`
}

type material struct {
	Key   *keyHint   `json:"publicKey,omitempty"`
	Chain *chain     `json:"x509CertificateChain,omitempty"`
	Log   []struct{} `json:"tlogEntries"` // always there and empty: no log of transparency is asked
}

type keyHint struct {
	Hint string `json:"hint"`
}

type chain struct {
	Certificates []certificate `json:"certificates"`
}

type certificate struct {
	DER []byte `json:"rawBytes"`
}

type envelope struct {
	Payload    []byte      `json:"payload"`
	Type       string      `json:"payloadType"`
	Signatures []signature `json:"signatures"`
}

type signature struct {
	Bytes []byte `json:"sig"`
	Key   string `json:"keyid"`
}

// statement is in-toto's, with the predicate of model signing.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Serialization serialization `json:"serialization"`
	Resources     []resource    `json:"resources"`
}

type serialization struct {
	Method   string   `json:"method"`
	Hash     string   `json:"hash_type"`
	Symlinks bool     `json:"allow_symlinks"`
	Ignored  []string `json:"ignore_paths"`
}

type resource struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"`
}

// statement says what m says.
func (m *Manifest) statement() ([]byte, error) {
	s := statement{
		Type:          statementType,
		Subject:       []subject{{Name: m.Model, Digest: map[string]string{"sha256": m.Root().String()}}},
		PredicateType: PredicateType,
		Predicate:     predicate{Serialization: serialization{Method: "files", Hash: "sha256", Ignored: m.Ignored}},
	}
	for _, f := range m.Files {
		s.Predicate.Resources = append(s.Predicate.Resources, resource{Name: f.Name, Algorithm: "sha256", Digest: f.Digest.String()})
	}
	return json.Marshal(s)
}

// parse reads a statement that a signature has been found to be right for.
func parse(payload []byte) (*Manifest, error) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("the statement that was signed is no JSON of its kind: %w", err)
	}
	how := s.Predicate.Serialization
	switch {
	case s.Type != statementType:
		return nil, fmt.Errorf("what was signed is %.80q, not a statement of in-toto (%s)", s.Type, statementType)
	case s.PredicateType != PredicateType:
		return nil, fmt.Errorf("the statement says %.80q, not which files a model has (%s)", s.PredicateType, PredicateType)
	case len(s.Subject) != 1:
		return nil, fmt.Errorf("the statement speaks of %d models, not of one", len(s.Subject))
	case how.Method != "files" || how.Hash != "sha256":
		return nil, hint.Errorf("ask for a signature over whole files by SHA-256", "the statement holds digests of %.40q by %.40q, which is not known here", how.Method, how.Hash)
	}
	m := &Manifest{Model: s.Subject[0].Name, Ignored: how.Ignored}
	seen := map[string]bool{}
	for _, r := range s.Predicate.Resources {
		if !plainName(r.Name) || seen[r.Name] {
			return nil, fmt.Errorf("the statement names the file %.200q, which is no name within a folder, or twice", r.Name)
		}
		seen[r.Name] = true
		digest, err := ParseDigest(r.Digest)
		if err != nil || r.Algorithm != "sha256" {
			return nil, fmt.Errorf("the statement has no SHA-256 of %.200q", r.Name)
		}
		m.Files = append(m.Files, File{r.Name, digest})
	}
	if got := m.Root().String(); got != s.Subject[0].Digest["sha256"] {
		return nil, fmt.Errorf("the statement contradicts itself: its files come to %s, its subject is %.64s", got, s.Subject[0].Digest["sha256"])
	}
	return m, nil
}

// plainName tells whether a name lies within a folder.
func plainName(name string) bool {
	return name != "" && name == path.Clean(name) && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\\x00")
}

// encoding is what is signed of a payload: DSSE's PAE.
func encoding(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// Sign signs a manifest.
func Sign(m *Manifest, s *Signer) (*Bundle, error) {
	payload, err := m.statement()
	if err != nil {
		return nil, err
	}
	b, err := SignStatement(payload, s)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", m.Model, err)
	}
	return b, nil
}

// SignStatement signs a statement of in-toto, whatever it says.
func SignStatement(payload []byte, s *Signer) (*Bundle, error) {
	sig, err := s.sign(encoding(payload))
	if err != nil {
		return nil, err
	}
	return &Bundle{BundleType, s.material(), envelope{payload, payloadType, []signature{{Bytes: sig}}}}, nil
}

// JSON returns the bundle as it is kept in a file.
func (b *Bundle) JSON() ([]byte, error) { return json.Marshal(b) }

// Parse reads a bundle, and checks nothing but its form.
func Parse(text []byte) (*Bundle, error) {
	const way = "name a signature of a model: a Sigstore bundle (JSON)"
	if len(text) > MaxBundle {
		return nil, hint.Errorf(way, "reading a signature: it has more than %d MB", MaxBundle>>20)
	}
	var b Bundle
	decode := json.NewDecoder(bytes.NewReader(text))
	if err := decode.Decode(&b); err != nil {
		return nil, hint.Wrap(err, way, "reading a signature")
	}
	switch {
	case b.MediaType != BundleType:
		return nil, hint.Errorf(way, "reading a signature: its media type is %.100q, not %s", b.MediaType, BundleType)
	case b.Envelope.Type != payloadType:
		return nil, hint.Errorf(way, "reading a signature: what was signed is %.100q, not %s", b.Envelope.Type, payloadType)
	case len(b.Envelope.Signatures) != 1:
		return nil, hint.Errorf(way, "reading a signature: it has %d signatures, not one", len(b.Envelope.Signatures))
	case b.Material.Key == nil && (b.Material.Chain == nil || len(b.Material.Chain.Certificates) == 0):
		return nil, hint.Errorf(way, "reading a signature: it names neither a key nor certificates")
	}
	return &b, nil
}

// KeyHint is the fingerprint of the key that it says to be signed with, "" where it has certificates, or is an old one.
func (b *Bundle) KeyHint() string {
	if b.Material.Key == nil {
		return ""
	}
	return b.Material.Key.Hint
}

// certificates reads the chain; the first is the signer's.
func (b *Bundle) certificates() ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, c := range b.Material.Chain.Certificates {
		cert, err := x509.ParseCertificate(c.DER)
		if err != nil {
			return nil, fmt.Errorf("the signature's certificate %d: %w", len(list)+1, err)
		}
		list = append(list, cert)
	}
	return list, nil
}
