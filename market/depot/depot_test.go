package depot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// open is a depot with a repository of ada's.
func open(t *testing.T, o Options) (*Depot, catalogue.Caller, *catalogue.Repository) {
	t.Helper()
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	ada, err := d.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "ada"}, "")
	if err != nil {
		t.Fatal(err)
	}
	who := catalogue.Caller{Account: ada, Scope: catalogue.Admin}
	r, err := d.Catalogue.ForPush(t.Context(), who, "ada/model")
	if err != nil {
		t.Fatal(err)
	}
	return d, who, r
}

// send stores the files of a folder and returns its package.
func send(t *testing.T, d *Depot, r *catalogue.Repository, files map[string]string) *pack.Packed {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range append([]string{string(p.Config)}, values(files)...) {
		if _, err := d.Receive(t.Context(), r, digest.FromString(content), int64(len(content)), strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func values(m map[string]string) (list []string) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

var small = map[string]string{"README.md": "---\nlicense: mit\nlanguage: zh\npipeline_tag: text-classification\n---\n# Small\n", "config.json": `{"model_type":"bert"}`, "vocab.txt": "word"}

func TestAPackageThatAChecksRefusesIsNotPublished(t *testing.T) {
	var seen []string
	severity := inspect.Refused
	d, who, r := open(t, Options{Checks: []Check{func(_ context.Context, p *Package) ([]Finding, error) {
		for _, f := range p.Files {
			seen = append(seen, f.Path)
		}
		return []Finding{{Severity: severity, Rule: "words", Path: "vocab.txt", Message: "has one word", Way: "export it again"}}, nil
	}}})
	p := send(t, d, r, small)
	q := Request{Who: who, Repository: r, Manifest: p.Manifest, Ref: "1.0.0"}
	_, err := d.Publish(t.Context(), q)
	var rejected *Rejected
	if !errors.As(err, &rejected) || len(rejected.Findings) != 1 || !strings.Contains(err.Error(), "vocab.txt: has one word") {
		t.Fatalf("%v", err)
	}
	if _, err := d.Catalogue.Resolve(t.Context(), r, "1.0.0"); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
	severity = inspect.Warned
	result, err := d.Publish(t.Context(), q)
	if err != nil || result.Digest != p.Digest || len(result.Findings) != 1 || len(seen) != 6 {
		t.Errorf("%+v, %v after %v", result, err, seen)
	}
}

func TestAPackageNeedsItsFiles(t *testing.T) {
	d, who, r := open(t, Options{})
	p := send(t, d, r, small)
	other, err := d.Catalogue.ForPush(t.Context(), who, "ada/other")
	if err != nil {
		t.Fatal(err)
	}
	var missing *catalogue.MissingBlobs
	_, err = d.Publish(t.Context(), Request{Who: who, Repository: other, Manifest: p.Manifest, Ref: "1.0.0"}) // they are another's
	if !errors.As(err, &missing) || len(missing.Digests) != 4 {
		t.Errorf("%v", err)
	}
	for _, manifest := range []string{"", "{", `{"schemaVersion":1}`, `{"schemaVersion":2,"config":{"digest":"x"}}`} {
		var rejected *Rejected
		if _, err := d.Publish(t.Context(), Request{Who: who, Repository: r, Manifest: []byte(manifest), Ref: "1.0.0"}); !errors.As(err, &rejected) {
			t.Errorf("%q: %v", manifest, err)
		}
	}
}

// A file that is collected while the package is read is one that has to be sent again, and no fault of the market's.
func TestAFileThatIsCollectedMeanwhileIsMissing(t *testing.T) {
	for _, gone := range []string{"README.md", "vocab.txt"} {
		d, who, r := open(t, Options{Checks: []Check{func(_ context.Context, p *Package) ([]Finding, error) {
			for _, f := range p.Files {
				content, err := p.Open(f.Path)
				if err != nil {
					return nil, err
				}
				content.Close()
			}
			return nil, nil
		}}})
		p := send(t, d, r, small)
		of := digest.FromString(small[gone])
		if err := d.Blobs.Delete(t.Context(), of); err != nil {
			t.Fatal(err)
		}
		var missing *catalogue.MissingBlobs
		_, err := d.Publish(t.Context(), Request{Who: who, Repository: r, Manifest: p.Manifest, Ref: "1.0.0"})
		if !errors.As(err, &missing) || len(missing.Digests) != 1 || missing.Digests[0] != of {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

func TestAnUploadIsOfItsRepositoryAlone(t *testing.T) {
	d, who, r := open(t, Options{})
	other, err := d.Catalogue.ForPush(t.Context(), who, "ada/other")
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.Begin(t.Context(), who, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Uploads.Append(t.Context(), id, 0, strings.NewReader("weights")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Upload(t.Context(), other, id); !errors.Is(err, blob.ErrNoUpload) {
		t.Errorf("another's upload: %v", err)
	}
	want := digest.FromString("weights")
	if n, err := d.Finish(t.Context(), r, id, want); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := d.Open(t.Context(), other, want); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("another's blob: %v", err)
	}
	if _, err := d.Upload(t.Context(), r, id); !errors.Is(err, blob.ErrNoUpload) {
		t.Errorf("after its end: %v", err)
	}
}

func TestAStoreThatIsAwayLosesNothing(t *testing.T) {
	data := t.TempDir()
	d, who, r := open(t, Options{Data: data, Grace: time.Nanosecond})
	p := send(t, d, r, small)
	if _, err := d.Publish(t.Context(), Request{Who: who, Repository: r, Manifest: p.Manifest, Ref: "1.0.0"}); err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(data, "blobs")
	if err := os.Rename(blobs, blobs+"-away"); err != nil {
		t.Fatal(err)
	}
	none := func(int, int64) {}
	_, scrub := d.Scrub(t.Context(), none)
	_, collect := d.Collect(t.Context())
	_, backup := d.Backup(t.Context(), t.TempDir(), func(Copied) {})
	for what, err := range map[string]error{"scrub": scrub, "collect": collect, "backup": backup} {
		if !Unavailable(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Rename(blobs+"-away", blobs); err != nil {
		t.Fatal(err)
	}
	if damages, err := d.Scrub(t.Context(), none); err != nil || len(damages) > 0 {
		t.Errorf("%v, %v", damages, err)
	}
}
