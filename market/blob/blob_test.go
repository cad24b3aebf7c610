package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func folder(t *testing.T) (*Folder, *Uploads, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := OpenFolder(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	uploads, err := OpenUploads(filepath.Join(dir, "uploads"), store)
	if err != nil {
		t.Fatal(err)
	}
	return store, uploads, dir
}

func read(t *testing.T, s Store, d digest.Digest) []byte {
	t.Helper()
	content, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != content.Size() {
		t.Errorf("%d bytes read, Size says %d", len(b), content.Size())
	}
	return b
}

// nothing fails the test if the store's folder holds any file.
func nothing(t *testing.T, dir string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			t.Errorf("%s was left", path)
		}
		return err
	})
}

func TestABlobIsWholeAndVerifiedOrNotThere(t *testing.T) {
	store, _, dir := folder(t)
	content := []byte("小语")
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		d := a.FromBytes(content)
		for name, r := range map[string]io.Reader{"other content": strings.NewReader("other"), "a reader that fails": io.MultiReader(bytes.NewReader(content[:2]), iotest.ErrReader(io.ErrUnexpectedEOF))} {
			if _, err := store.Put(t.Context(), d, r); err == nil {
				t.Fatalf("%s was taken for %s", name, d)
			}
			if _, err := store.Open(t.Context(), d); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
			nothing(t, dir)
		}
		if n, err := store.Put(t.Context(), d, bytes.NewReader(content)); err != nil || n != int64(len(content)) {
			t.Fatal(n, err)
		}
		if got := read(t, store, d); !bytes.Equal(got, content) {
			t.Errorf("read %q", got)
		}
		if err := Verify(t.Context(), store, d); err != nil {
			t.Error(err)
		}
		var walked []Info
		if err := store.Walk(t.Context(), func(i Info) error { walked = append(walked, i); return nil }); err != nil || len(walked) != 1 || walked[0].Digest != d || walked[0].Size != int64(len(content)) {
			t.Errorf("walked %v, %v", walked, err)
		}
		if err := errors.Join(store.Delete(t.Context(), d), store.Delete(t.Context(), d)); err != nil {
			t.Error(err)
		}
		nothing(t, dir)
	}
}

func TestWhatIsNoDigestIsRefused(t *testing.T) {
	store, uploads, _ := folder(t)
	id, err := uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []digest.Digest{"", "sha256:ab", "sha256:../../../../etc/passwd", digest.Digest("sha256:" + strings.Repeat("G", 64)), digest.Digest("sha384:" + strings.Repeat("a", 96)), digest.Digest("md5:" + strings.Repeat("a", 32))} {
		_, put := store.Put(t.Context(), d, strings.NewReader(""))
		_, open := store.Open(t.Context(), d)
		_, stat := store.Stat(t.Context(), d)
		_, commit := uploads.Commit(t.Context(), id, d)
		for _, err := range []error{put, open, stat, commit, store.Delete(t.Context(), d)} {
			if !errors.Is(err, ErrInvalid) || hint.Way(err) == "" {
				t.Errorf("%q: %v", d, err)
			}
		}
	}
}

func TestScrubbingFindsAChangedByte(t *testing.T) {
	store, _, _ := folder(t)
	d := digest.FromString("weights")
	if _, err := store.Put(t.Context(), d, strings.NewReader("weights")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.Path(d), []byte("weighte"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), store, d); !errors.Is(err, ErrDigest) {
		t.Errorf("%v, want ErrDigest", err)
	}
}

func TestAnUploadGoesOnAfterACutAndARestart(t *testing.T) {
	store, uploads, dir := folder(t)
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	d := digest.FromBytes(content)
	id, err := uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cut := io.MultiReader(bytes.NewReader(content[:300_000]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if at, err := uploads.Append(t.Context(), id, 0, cut); at != 300_000 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(at, err)
	}
	if at, err := uploads.Append(t.Context(), id, 10, bytes.NewReader(content)); at != 300_000 || !errors.Is(err, ErrOffset) {
		t.Fatalf("a part at the wrong place: %d, %v", at, err)
	}
	if uploads, err = OpenUploads(filepath.Join(dir, "uploads"), store); err != nil { // as after a restart
		t.Fatal(err)
	}
	if at, err := uploads.Offset(t.Context(), id); at != 300_000 || err != nil {
		t.Fatal(at, err)
	}
	for from := 300_000; from < len(content); from += 350_000 {
		to := min(from+350_000, len(content))
		if at, err := uploads.Append(t.Context(), id, int64(from), bytes.NewReader(content[from:to])); at != int64(to) || err != nil {
			t.Fatal(at, err)
		}
	}
	if _, err := store.Stat(t.Context(), d); !errors.Is(err, ErrNotFound) {
		t.Errorf("before its end: %v, want ErrNotFound", err)
	}
	if n, err := uploads.Commit(t.Context(), id, d); n != int64(len(content)) || err != nil {
		t.Fatal(n, err)
	}
	if got := read(t, store, d); !bytes.Equal(got, content) {
		t.Error("another content came out")
	}
	if _, err := uploads.Offset(t.Context(), id); !errors.Is(err, ErrNoUpload) {
		t.Errorf("after its end: %v, want ErrNoUpload", err)
	}
}

func TestAWrongUploadIsGone(t *testing.T) {
	_, uploads, dir := folder(t)
	for _, d := range []digest.Digest{digest.FromString("that"), digest.SHA512.FromString("that")} {
		id, err := uploads.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := uploads.Append(t.Context(), id, -1, strings.NewReader("this")); err != nil {
			t.Fatal(err)
		}
		if _, err := uploads.Commit(t.Context(), id, d); !errors.Is(err, ErrDigest) {
			t.Errorf("%v, want ErrDigest", err)
		}
		nothing(t, dir)
	}
}

func TestTwoWritersOfOneUpload(t *testing.T) {
	_, uploads, _ := folder(t)
	id, err := uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := uploads.Append(context.Background(), id, 0, r)
		done <- err
	}()
	w.Write([]byte("a")) // the first is under way
	if _, err := uploads.Append(t.Context(), id, -1, strings.NewReader("b")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if _, err := uploads.Commit(t.Context(), id, digest.FromString("a")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUploadsThatAreLeftAloneEnd(t *testing.T) {
	_, uploads, dir := folder(t)
	var ids [2]string
	for i := range ids {
		var err error
		if ids[i], err = uploads.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "uploads", ids[0]), old, old); err != nil {
		t.Fatal(err)
	}
	if n, err := uploads.Expire(t.Context(), time.Now().Add(-24*time.Hour)); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := uploads.Offset(t.Context(), ids[0]); !errors.Is(err, ErrNoUpload) {
		t.Errorf("%v, want ErrNoUpload", err)
	}
	if _, err := uploads.Offset(t.Context(), ids[1]); err != nil {
		t.Error(err)
	}
}
