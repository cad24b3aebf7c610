package thirdparty

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// signingJob is one thing that signing_check.py is to do.
type signingJob struct {
	Do          string   `json:"do"`
	Folder      string   `json:"folder"`
	Signature   string   `json:"signature"`
	Key         string   `json:"key"`
	Certificate string   `json:"certificate"`
	Chain       []string `json:"chain"`
	Ignore      []string `json:"ignore"`
}

// desk is a folder with models, keys and certificates.
type desk struct {
	*testing.T
	dir string
}

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d desk) write(name string, content []byte) string {
	d.Helper()
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.Fatal(err)
	}
	return path
}

// model makes a folder of some files, of which one may have been changed, removed or added.
func (d desk) model(name, flaw string) string {
	files := map[string]string{"config.json": "{}", "a.txt": "one", "a/b.txt": "two", "名字/词.txt": "三"}
	switch flaw {
	case "changed":
		files["a/b.txt"] = "twp"
	case "missing":
		delete(files, "a.txt")
	case "surplus":
		files["more.bin"] = "four"
	}
	for file, text := range files {
		d.write(name+"/"+file, []byte(text))
	}
	return d.path(name)
}

// keys makes a pair on a curve and returns the names of its files.
func (d desk) keys(name string, curve elliptic.Curve) (private, public string, key *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		d.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.Fatal(err)
	}
	private = d.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s := d.signer(private)
	return private, d.write(name+".pub", s.Public().PEM()), key
}

func (d desk) read(name string) []byte {
	d.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		d.Fatal(err)
	}
	return text
}

func (d desk) signer(private string) *sign.Signer {
	d.Helper()
	s, err := sign.ReadSigner(d.read(private))
	if err != nil {
		d.Fatal(err)
	}
	return s
}

func (d desk) folder(dir string, ignore ...string) *sign.Manifest {
	d.Helper()
	m, err := sign.Folder(context.Background(), dir, sign.Options{Ignore: ignore})
	if err != nil {
		d.Fatal(err)
	}
	return m
}

// sign writes our signature of a folder.
func (d desk) sign(dir, signature string, s *sign.Signer) {
	d.Helper()
	b, err := sign.Sign(d.folder(dir), s)
	if err != nil {
		d.Fatal(err)
	}
	text, err := b.JSON()
	if err != nil {
		d.Fatal(err)
	}
	d.write(signature, text)
}

// verify checks a signature as we do.
func (d desk) verify(dir, signature string, trust sign.Trust) error {
	d.Helper()
	b, err := sign.Parse(d.read(d.path(signature)))
	if err != nil {
		return err
	}
	said, _, err := b.Verify(trust)
	if err != nil {
		return err
	}
	return said.Compare(d.folder(dir, said.Ignored...))
}

// theirs has the package do the jobs.
func (d desk) theirs(jobs []signingJob) (answers []string) {
	d.Helper()
	text, err := json.Marshal(jobs)
	if err != nil {
		d.Fatal(err)
	}
	if err := json.Unmarshal([]byte(python(d.T, "signing_check.py", d.write("jobs.json", text))), &answers); err != nil {
		d.Fatal(err)
	}
	return answers
}

// TestModelSigningAgrees has model-signing verify what we sign, and signs with it what we verify: whole folders, and such
// as were changed afterwards.
func TestModelSigningAgrees(t *testing.T) {
	d := desk{t, t.TempDir()}
	private, public, key := d.keys("key", elliptic.P256())
	private3, public3, _ := d.keys("key384", elliptic.P384())
	_, other, _ := d.keys("other", elliptic.P256())
	root, leaf := d.certificates(key)
	ours := d.signer(private)
	certified, err := ours.WithCertificates(d.read(leaf))
	if err != nil {
		t.Fatal(err)
	}
	d.sign(d.model("m", ""), "ours.sig", ours)
	d.sign(d.path("m"), "ours384.sig", d.signer(private3))
	d.sign(d.path("m"), "ours-certified.sig", certified)
	jobs := []signingJob{
		{Do: "sign", Folder: d.path("m"), Signature: d.path("theirs.sig"), Key: private},
		{Do: "sign", Folder: d.path("m"), Signature: d.path("theirs384.sig"), Key: private3},
		{Do: "sign", Folder: d.path("m"), Signature: d.path("theirs-certified.sig"), Key: private, Certificate: leaf, Chain: []string{root}},
		{Do: "verify", Folder: d.path("m"), Signature: d.path("ours.sig"), Key: public},
		{Do: "verify", Folder: d.path("m"), Signature: d.path("ours384.sig"), Key: public3},
		{Do: "verify", Folder: d.path("m"), Signature: d.path("ours-certified.sig"), Chain: []string{root}},
		{Do: "verify", Folder: d.path("m"), Signature: d.path("ours.sig"), Key: other},
	}
	good := len(jobs) - 1
	flaws := []string{"changed", "missing", "surplus"}
	for _, flaw := range flaws {
		jobs = append(jobs, signingJob{Do: "verify", Folder: d.model(flaw+"/m", flaw), Signature: d.path("ours.sig"), Key: public})
	}
	for i, answer := range d.theirs(jobs) {
		if refused := answer != ""; refused != (i >= good) {
			t.Errorf("%+v: %q", jobs[i], answer)
		}
	}
	roots, err := sign.TrustRoots(d.read(root))
	if err != nil {
		t.Fatal(err)
	}
	trust := func(file string) sign.Trust {
		k, err := sign.ReadPublicKey(d.read(file))
		if err != nil {
			t.Fatal(err)
		}
		return sign.Trust{Keys: []sign.PublicKey{k}}
	}
	for signature, by := range map[string]sign.Trust{"theirs.sig": trust(public), "theirs384.sig": trust(public3), "theirs-certified.sig": {Roots: roots}} {
		if err := d.verify(d.path("m"), signature, by); err != nil {
			t.Errorf("%s: %v", signature, err)
		}
		for _, flaw := range flaws {
			if err := d.verify(d.path(flaw+"/m"), signature, by); err == nil || !strings.Contains(err.Error(), "not what was signed") {
				t.Errorf("%s of what is %s: %v", signature, flaw, err)
			}
		}
		if err := d.verify(d.path("m"), signature, trust(other)); err == nil {
			t.Errorf("%s was taken for another's", signature)
		}
	}
}

// certificates makes an authority's and one of the key.
func (d desk) certificates(key *ecdsa.PrivateKey) (root, leaf string) {
	d.Helper()
	_, _, authority := d.keys("authority", elliptic.P256())
	issue := func(template, by *x509.Certificate, public *ecdsa.PublicKey) string {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, by, public, authority)
		if err != nil {
			d.Fatal(err)
		}
		return d.write(template.Subject.CommonName+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = issue(ca, ca, &authority.PublicKey)
	leaf = issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "signer"}, KeyUsage: x509.KeyUsageDigitalSignature}, ca, &key.PublicKey)
	return root, leaf
}
