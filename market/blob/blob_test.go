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
	"github.com/xiaoyu-slm/xiaoyu/internal/s3"
)

// kit is a store with its uploads, of either kind.
type kit struct {
	Store
	uploads Uploads
	again   func() Uploads      // the same sessions as another process finds them
	left    func() []string     // what is stored, blobs and sessions
	damage  func(digest.Digest) // changes a blob's content
}

func folderKit(t *testing.T) *kit {
	t.Helper()
	dir := t.TempDir()
	store, err := OpenFolder(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{Store: store, damage: func(d digest.Digest) {
		if err := os.WriteFile(store.Path(d), []byte("weighte"), 0o644); err != nil {
			t.Fatal(err)
		}
	}}
	k.again = func() Uploads {
		u, err := OpenUploads(filepath.Join(dir, "uploads"), store)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	k.left = func() (list []string) {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && e.Name() != marker {
				list = append(list, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return list
	}
	k.uploads = k.again()
	return k
}

// bucketKit needs a server that speaks S3: XIAOYU_S3 is the address of a bucket on it, credentials are in the environment.
func bucketKit(t *testing.T) *kit {
	t.Helper()
	address := os.Getenv("XIAOYU_S3")
	if address == "" {
		t.Skip("set XIAOYU_S3 to the address of a bucket, as s3://test?endpoint=http://127.0.0.1:9000")
	}
	bucket, query, _ := strings.Cut(address, "?")
	store, err := OpenBucket(t.Context(), bucket+"/"+newID()+"?"+query)
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{Store: store, uploads: store.Uploads(), again: func() Uploads { return store.Uploads() }}
	k.damage = func(d digest.Digest) {
		if err := store.s3.Put(t.Context(), blobKey(d), []byte("weighte")); err != nil {
			t.Fatal(err)
		}
	}
	k.left = func() (list []string) {
		err := store.s3.List(context.WithoutCancel(t.Context()), "", func(o s3.Info) error {
			list = append(list, o.Key)
			return nil
		})
		uploads, listErr := store.s3.Uploads(context.WithoutCancel(t.Context()), "")
		if err := errors.Join(err, listErr); err != nil {
			t.Error(err)
		}
		for _, u := range uploads {
			list = append(list, u.Key+" in parts")
		}
		return list
	}
	return k
}

// both runs a test on either kind of store: they pass the same ones.
func both(t *testing.T, test func(t *testing.T, k *kit)) {
	t.Run("folder", func(t *testing.T) { test(t, folderKit(t)) })
	t.Run("bucket", func(t *testing.T) { test(t, bucketKit(t)) })
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

// nothing fails the test if the store holds anything.
func (k *kit) nothing(t *testing.T) {
	t.Helper()
	for _, path := range k.left() {
		t.Errorf("%s was left", path)
	}
}

func TestABlobIsWholeAndVerifiedOrNotThere(t *testing.T) { both(t, testPut) }

func testPut(t *testing.T, k *kit) {
	large := bytes.Repeat([]byte("0123456789"), 1_900_000) // three parts in a bucket
	for name, content := range map[string][]byte{"nothing": nil, "small": []byte("小语"), "large": large} {
		for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
			d := a.FromBytes(content)
			for what, r := range map[string]io.Reader{"other content": io.MultiReader(bytes.NewReader(content), strings.NewReader("other")), "a reader that fails": io.MultiReader(bytes.NewReader(content), iotest.ErrReader(io.ErrUnexpectedEOF))} {
				if _, err := k.Put(t.Context(), d, r); err == nil {
					t.Fatalf("%s, %s was taken for %s", name, what, d)
				}
				if _, err := k.Open(t.Context(), d); !errors.Is(err, ErrNotFound) {
					t.Errorf("%s, %s: %v, want ErrNotFound", name, what, err)
				}
				k.nothing(t)
			}
			if n, err := k.Put(t.Context(), d, bytes.NewReader(content)); err != nil || n != int64(len(content)) {
				t.Fatal(n, err)
			}
			if got := read(t, k, d); !bytes.Equal(got, content) {
				t.Errorf("%s: read %d bytes", name, len(got))
			}
			if err := Verify(t.Context(), k, d); err != nil {
				t.Error(err)
			}
			if info, err := k.Stat(t.Context(), d); err != nil || info.Size != int64(len(content)) || time.Since(info.Stored).Abs() > time.Minute {
				t.Errorf("%+v, %v", info, err)
			}
			var walked []Info
			if err := k.Walk(t.Context(), func(i Info) error { walked = append(walked, i); return nil }); err != nil || len(walked) != 1 || walked[0].Digest != d || walked[0].Size != int64(len(content)) {
				t.Errorf("walked %v, %v", walked, err)
			}
			if err := errors.Join(k.Delete(t.Context(), d), k.Delete(t.Context(), d)); err != nil {
				t.Error(err)
			}
			k.nothing(t)
		}
	}
}

func TestReadingFromAnyPlace(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		content := []byte("0123456789")
		d := digest.FromBytes(content)
		if _, err := k.Put(t.Context(), d, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		c, err := k.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := iotest.TestReader(c, content); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsNoDigestIsRefused(t *testing.T) { both(t, testNoDigest) }

func testNoDigest(t *testing.T, k *kit) {
	id, err := k.uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []digest.Digest{"", "sha256:ab", "sha256:../../../../etc/passwd", digest.Digest("sha256:" + strings.Repeat("G", 64)), digest.Digest("sha384:" + strings.Repeat("a", 96)), digest.Digest("md5:" + strings.Repeat("a", 32))} {
		_, put := k.Put(t.Context(), d, strings.NewReader(""))
		_, open := k.Open(t.Context(), d)
		_, stat := k.Stat(t.Context(), d)
		_, commit := k.uploads.Commit(t.Context(), id, d)
		for _, err := range []error{put, open, stat, commit, k.Delete(t.Context(), d)} {
			if !errors.Is(err, ErrInvalid) || hint.Way(err) == "" {
				t.Errorf("%q: %v", d, err)
			}
		}
	}
}

func TestScrubbingFindsAChangedByte(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := digest.FromString("weights")
		if _, err := k.Put(t.Context(), d, strings.NewReader("weights")); err != nil {
			t.Fatal(err)
		}
		k.damage(d)
		if err := Verify(t.Context(), k, d); !errors.Is(err, ErrDigest) {
			t.Errorf("%v, want ErrDigest", err)
		}
	})
}

func TestAnUploadGoesOnAfterACutAndInAnotherProcess(t *testing.T) { both(t, testResume) }

func testResume(t *testing.T, k *kit) {
	content := bytes.Repeat([]byte("0123456789"), 3_000_000)
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		d := a.FromBytes(content)
		id, err := k.uploads.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const first = 9_000_000
		cut := io.MultiReader(bytes.NewReader(content[:first]), iotest.ErrReader(io.ErrUnexpectedEOF))
		if at, err := k.uploads.Append(t.Context(), id, 0, cut); at != first || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(at, err)
		}
		if at, err := k.uploads.Append(t.Context(), id, 10, bytes.NewReader(content)); at != first || !errors.Is(err, ErrOffset) {
			t.Fatalf("a part at the wrong place: %d, %v", at, err)
		}
		other := k.again()
		if at, err := other.Offset(t.Context(), id); at != first || err != nil {
			t.Fatal(at, err)
		}
		for from := first; from < len(content); from += 3_500_001 { // by turns
			to := min(from+3_500_001, len(content))
			if at, err := other.Append(t.Context(), id, int64(from), bytes.NewReader(content[from:to])); at != int64(to) || err != nil {
				t.Fatal(at, err)
			}
			other, k.uploads = k.uploads, other
		}
		if _, err := k.Stat(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("before its end: %v, want ErrNotFound", err)
		}
		if n, err := other.Commit(t.Context(), id, d); n != int64(len(content)) || err != nil {
			t.Fatal(n, err)
		}
		if got := read(t, k, d); !bytes.Equal(got, content) {
			t.Error("another content came out")
		}
		for _, u := range []Uploads{other, k.uploads} {
			if _, err := u.Offset(t.Context(), id); !errors.Is(err, ErrNoUpload) {
				t.Errorf("after its end: %v, want ErrNoUpload", err)
			}
		}
		if err := k.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		k.nothing(t)
	}
}

func TestAWrongUploadIsGone(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for _, content := range []string{"", "this", strings.Repeat("this", 3_000_000)} {
			for _, d := range []digest.Digest{digest.FromString("that"), digest.SHA512.FromString("that")} {
				id, err := k.uploads.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := k.uploads.Append(t.Context(), id, -1, strings.NewReader(content)); err != nil {
					t.Fatal(err)
				}
				if _, err := k.uploads.Commit(t.Context(), id, d); !errors.Is(err, ErrDigest) {
					t.Errorf("%v, want ErrDigest", err)
				}
				k.nothing(t)
			}
		}
	})
}

func TestTwoWritersOfOneUpload(t *testing.T) { both(t, testTwoWriters) }

func testTwoWriters(t *testing.T, k *kit) {
	id, err := k.uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := k.uploads.Append(context.Background(), id, 0, r)
		done <- err
	}()
	w.Write([]byte("a")) // the first is under way
	if _, err := k.uploads.Append(t.Context(), id, -1, strings.NewReader("b")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if _, err := k.uploads.Commit(t.Context(), id, digest.FromString("a")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	// Another process is kept away from a file; in a bucket the session that was written last holds, and what it says is true.
	other := k.again()
	at, err := other.Append(t.Context(), id, -1, strings.NewReader("bc"))
	if _, ok := other.(*FolderUploads); ok && !errors.Is(err, ErrBusy) || !ok && (err != nil || at != 2) {
		t.Errorf("another process: %d, %v", at, err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, err := other.Commit(t.Context(), id, digest.FromString("a")); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func TestUploadsThatAreLeftAloneEnd(t *testing.T) { both(t, testExpire) }

func testExpire(t *testing.T, k *kit) {
	var ids [2]string
	var between time.Time
	for i := range ids {
		var err error
		if ids[i], err = k.uploads.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.uploads.Append(t.Context(), ids[i], 0, strings.NewReader(strings.Repeat("x", 9_000_000))); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // a bucket's times are seconds
			time.Sleep(1100 * time.Millisecond)
			between = time.Now()
			time.Sleep(1100 * time.Millisecond)
		}
	}
	if n, err := k.uploads.Expire(t.Context(), time.Now().Add(-24*time.Hour)); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n, err := k.uploads.Expire(t.Context(), between); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := k.uploads.Offset(t.Context(), ids[0]); !errors.Is(err, ErrNoUpload) {
		t.Errorf("%v, want ErrNoUpload", err)
	}
	if at, err := k.uploads.Offset(t.Context(), ids[1]); at != 9_000_000 || err != nil {
		t.Error(at, err)
	}
	if err := k.uploads.Abort(t.Context(), ids[1]); err != nil {
		t.Error(err)
	}
	k.nothing(t)
}

func TestAFolderThatIsGoneIsNotOneThatHasLostEverything(t *testing.T) {
	k := folderKit(t)
	root := k.Store.(*Folder).root
	d := digest.FromString("weights")
	if _, err := k.Put(t.Context(), d, strings.NewReader("weights")); err != nil {
		t.Fatal(err)
	}
	id, err := k.uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(root)
	if err := errors.Join(os.Rename(dir, dir+"-away"), os.MkdirAll(root, 0o755)); err != nil { // as where a disk is not mounted
		t.Fatal(err)
	}
	_, open := k.Open(t.Context(), d)
	_, stat := k.Stat(t.Context(), d)
	_, put := k.Put(t.Context(), digest.FromString("x"), strings.NewReader("x"))
	_, offset := k.uploads.Offset(t.Context(), id)
	_, begin := k.uploads.Begin(t.Context())
	_, expire := k.uploads.Expire(t.Context(), time.Now())
	walk := k.Walk(t.Context(), func(Info) error { return nil })
	for i, err := range []error{open, stat, put, offset, begin, expire, walk, k.Delete(t.Context(), d), k.Ping(t.Context())} {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) || hint.Way(err) == "" {
			t.Errorf("%d: %v, want ErrUnavailable", i, err)
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+"-away", dir), k.Ping(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := read(t, k, d); string(got) != "weights" {
		t.Errorf("%q", got)
	}
}
