package sign

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folder makes one with the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var files = map[string]string{"config.json": "{}", "weights/a.bin": "one", "weights.bin": "two", ".gitignore": "x", ".git/HEAD": "x", "空/词.txt": "三"}

func manifest(t *testing.T, dir string, ignore ...string) *Manifest {
	t.Helper()
	m, err := Folder(context.Background(), dir, Options{Ignore: ignore})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func signer(t *testing.T, curve elliptic.Curve) *Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSigner(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signed signs the folder, and reads the signature again.
func signed(t *testing.T, dir string, s *Signer) *Bundle {
	t.Helper()
	b, err := Sign(manifest(t, dir), s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = Parse(text); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesStandInTheOrderOfTheirParts(t *testing.T) {
	m := manifest(t, folder(t, files), "config.json")
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	if got, want := strings.Join(names, " "), "weights/a.bin weights.bin 空/词.txt"; got != want {
		t.Errorf("files are %s, want %s", got, want)
	}
	// SHA-256 of "one".
	if got, want := m.Files[0].Digest.String(), "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"; got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
}

func TestSignaturesHoldOnEveryCurve(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		dir, s := folder(t, files), signer(t, curve)
		b := signed(t, dir, s)
		m, who, err := b.Verify(Trust{Keys: []PublicKey{signer(t, curve).Public(), s.Public()}})
		if err != nil {
			t.Fatal(err)
		}
		if who.Key.Fingerprint() != s.Public().Fingerprint() {
			t.Errorf("signed by %s, want %s", who.Key.Fingerprint(), s.Public().Fingerprint())
		}
		if err := m.Compare(manifest(t, dir, m.Ignored...)); err != nil {
			t.Error(err)
		}
		if _, _, err := b.Verify(Trust{Keys: []PublicKey{signer(t, curve).Public()}}); !errors.Is(err, ErrUntrusted) {
			t.Errorf("with another key: %v", err)
		}
	}
}

func TestWhatWasChangedIsNamed(t *testing.T) {
	s := signer(t, elliptic.P256())
	for _, c := range []struct {
		change func(dir string) error
		want   string
	}{
		{func(dir string) error { return os.WriteFile(filepath.Join(dir, "weights.bin"), []byte("twp"), 0o644) }, "weights.bin was changed"},
		{func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) }, "config.json is missing"},
		{func(dir string) error { return os.WriteFile(filepath.Join(dir, "more.bin"), nil, 0o644) }, "more.bin was not signed"},
	} {
		dir := folder(t, files)
		b := signed(t, dir, s)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		m, _, err := b.Verify(Trust{Keys: []PublicKey{s.Public()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Compare(manifest(t, dir)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestEveryByteOfWhatWasSignedCounts(t *testing.T) {
	s := signer(t, elliptic.P256())
	b := signed(t, folder(t, files), s)
	payload := b.Envelope.Payload
	for i := range payload {
		changed := *b
		changed.Envelope.Payload = append([]byte(nil), payload...)
		changed.Envelope.Payload[i] ^= 1
		if _, _, err := changed.Verify(Trust{Keys: []PublicKey{s.Public()}}); err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
	}
}

func TestLinksAreNotSigned(t *testing.T) {
	dir := folder(t, files)
	if err := os.Symlink("config.json", filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := Folder(context.Background(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "link is no plain file") {
		t.Error(err)
	}
}

// issue makes a certificate for the signer's key by that of the issuer, or by itself.
func issue(t *testing.T, s *Signer, template x509.Certificate, by *Signer, issuer *x509.Certificate) (*x509.Certificate, []byte) {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour) // over by now, and still good for what was signed with it
	if issuer == nil {
		issuer = &template
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, issuer, &s.key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCertificatesLeadToAnAuthority(t *testing.T) {
	root, between, leaf := signer(t, elliptic.P384()), signer(t, elliptic.P256()), signer(t, elliptic.P256())
	authority := x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootCert, rootPEM := issue(t, root, authority, root, nil)
	authority.Subject.CommonName = "between"
	betweenCert, betweenPEM := issue(t, between, authority, root, rootCert)
	person := x509.Certificate{Subject: pkix.Name{CommonName: "signer"}, KeyUsage: x509.KeyUsageDigitalSignature}
	_, leafPEM := issue(t, leaf, person, between, betweenCert)

	s, err := leaf.WithCertificates(leafPEM, betweenPEM)
	if err != nil {
		t.Fatal(err)
	}
	b := signed(t, folder(t, files), s)
	roots, err := TrustRoots(rootPEM)
	if err != nil {
		t.Fatal(err)
	}
	if _, who, err := b.Verify(Trust{Roots: roots}); err != nil || who.Subject != "CN=signer" {
		t.Errorf("signed by %q: %v", who.Subject, err)
	}
	b.Material.Chain.Certificates = b.Material.Chain.Certificates[:1]
	for _, trust := range []Trust{{}, {Roots: roots}, {Keys: []PublicKey{root.Public()}}} { // no authority, and a link of the chain missing
		if _, _, err := b.Verify(trust); !errors.Is(err, ErrUntrusted) {
			t.Errorf("trusted: %v", err)
		}
	}
	person.KeyUsage = x509.KeyUsageKeyEncipherment
	_, wrong := issue(t, leaf, person, between, betweenCert)
	if _, err := leaf.WithCertificates(wrong); err == nil || !strings.Contains(err.Error(), "not for signing") {
		t.Errorf("a certificate that is not for signing: %v", err)
	}
	if _, err := root.WithCertificates(leafPEM); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("somebody else's certificate: %v", err)
	}
}

func TestStatementsThatCannotBe(t *testing.T) {
	s := signer(t, elliptic.P256())
	m := manifest(t, folder(t, files))
	for _, c := range []struct {
		change func(*statement)
		want   string
	}{
		{func(s *statement) { s.Type = "x" }, "not a statement"},
		{func(s *statement) { s.PredicateType = "https://slsa.dev/provenance/v1" }, "not which files"},
		{func(s *statement) { s.Subject = nil }, "0 models"},
		{func(s *statement) { s.Predicate.Serialization.Method = "shards" }, "shards"},
		{func(s *statement) { s.Predicate.Resources[0].Name = "../up" }, "no name within"},
		{func(s *statement) { s.Predicate.Resources[0].Name = "/etc/passwd" }, "no name within"},
		{func(s *statement) { s.Predicate.Resources[1].Name = s.Predicate.Resources[0].Name }, "twice"},
		{func(s *statement) { s.Predicate.Resources[0].Digest = "00" }, "no SHA-256"},
		{func(s *statement) { s.Predicate.Resources = s.Predicate.Resources[1:] }, "contradicts"},
	} {
		text, err := m.statement()
		if err != nil {
			t.Fatal(err)
		}
		var st statement
		if err := json.Unmarshal(text, &st); err != nil {
			t.Fatal(err)
		}
		c.change(&st)
		payload, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := s.sign(encoding(payload))
		if err != nil {
			t.Fatal(err)
		}
		b := Bundle{BundleType, s.material(), envelope{payload, payloadType, []signature{{Bytes: sig}}}}
		if _, _, err := b.Verify(Trust{Keys: []PublicKey{s.Public()}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for _, text := range []string{"", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"} {
		if _, err := ReadSigner([]byte(text)); err == nil {
			t.Errorf("%q is a private key", text)
		}
		if _, err := ReadPublicKey([]byte(text)); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s := &Signer{key: key}
	b, err := Sign(&Manifest{Model: "m", Files: []File{{Name: "a"}}}, s)
	if err != nil {
		f.Fatal(err)
	}
	text, _ := b.JSON()
	f.Add(text)
	f.Add([]byte(`{"mediaType":"` + BundleType + `","verificationMaterial":{"x509CertificateChain":{"certificates":[{"rawBytes":"AA=="}]}},"dsseEnvelope":{"payloadType":"` + payloadType + `","signatures":[{}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse(text)
		if err != nil {
			return
		}
		m, _, err := b.Verify(Trust{Keys: []PublicKey{s.Public()}})
		if err == nil && m.Root() != (&Manifest{Files: []File{{Name: "a"}}}).Root() {
			t.Fatalf("a forged statement was taken: %q", b.Envelope.Payload)
		}
	})
}

func FuzzStatement(f *testing.F) {
	text, _ := (&Manifest{Model: "m", Files: []File{{Name: "a"}}}).statement()
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Name)) {
				t.Fatalf("%q is taken for a name within the folder", file.Name)
			}
		}
	})
}

// BenchmarkFolder is to be set beside sha256sum's speed.
func BenchmarkFolder(b *testing.B) {
	dir := b.TempDir()
	const size = 64 << 20
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(2 * size)
	for b.Loop() {
		if _, err := Folder(context.Background(), dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
