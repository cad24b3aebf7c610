//go:build unix

package market_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/s3"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// TestMain serves a market where a test that kills it has started this program anew.
func TestMain(m *testing.M) {
	data := os.Getenv("XIAOYU_TEST_MARKET")
	if data == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println("http://" + l.Addr().String())
		err = market.Serve(context.Background(), l, market.Options{Data: data, Store: os.Getenv("XIAOYU_TEST_STORE"), Grace: time.Second, Collect: 20 * time.Millisecond, Reviews: catalogue.ReviewRules{Age: -1, Burst: -1, Account: -1},
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// startProcess serves a market in a process of its own.
func startProcess(t *testing.T, data, store string) (address string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "XIAOYU_TEST_MARKET="+data, "XIAOYU_TEST_STORE="+store)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Kill() // SIGKILL
		cmd.Wait()
	}
	t.Cleanup(kill)
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the market did not start: ", err)
	}
	return strings.TrimSpace(address), kill
}

func TestAKilledMarketLosesNothing(t *testing.T) {
	t.Run("folder", func(t *testing.T) { killedMarket(t, "") })
	t.Run("bucket", func(t *testing.T) { killedMarket(t, markettest.ObjectStore(t).Address) })
}

// killedMarket kills a market with SIGKILL at random moments while versions are pushed and deleted, and
// garbage is collected all the time: what was acknowledged is there, whole; what was not is whole or absent; a retry
// succeeds; and in the end no file is left that no package needs. XIAOYU_KILLS says how often; 200 for a release.
func killedMarket(t *testing.T, store string) {
	rounds := kills(t, 12)
	data := t.TempDir()
	d, err := depot.Open(t.Context(), depot.Options{Data: data, Store: store, Grace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ada, err := d.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "ada"}, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.Catalogue.CreateToken(t.Context(), ada, "test", catalogue.Write, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f := &faults{t: t, depot: d, who: catalogue.Caller{Account: ada, Scope: catalogue.Admin}, token: token, published: map[string]*pack.Packed{}}
	random := rand.New(rand.NewPCG(1, 2))
	cut := 0
	for round := range rounds {
		address, kill := startProcess(t, data, store)
		home := t.TempDir()
		connect := func() *client.Client {
			c, err := client.New(client.Options{Market: address, Token: token, Home: home})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		// The retry of what the last kill has interrupted.
		if f.pending != "" {
			if err := f.retry(address, connect()); err != nil {
				t.Fatalf("round %d: the retry: %v", round, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		killed := make(chan struct{})
		go func() {
			time.Sleep(time.Duration(random.IntN(250)) * time.Millisecond)
			kill()
			cancel()
			close(killed)
		}()
		c := connect()
		for step := 0; ctx.Err() == nil; step++ {
			if f.step(ctx, address, c, fmt.Sprintf("%d.%d.0", round, step), uint64(round*1000+step)) != nil {
				cut++
				break
			}
		}
		<-killed
		f.check(round)
	}
	if cut < rounds/2 {
		t.Errorf("only %d of %d kills have interrupted anything", cut, rounds)
	}
	f.nothingLeft(data, store)
}

// faults keeps what a market has acknowledged.
type faults struct {
	t         *testing.T
	depot     *depot.Depot
	who       catalogue.Caller
	token     string
	published map[string]*pack.Packed // by version
	deleted   []string

	pending  string // version of the step that was interrupted
	deletion bool
	packed   *pack.Packed
}

// step pushes a version, and every third time deletes an earlier one.
func (f *faults) step(ctx context.Context, address string, c *client.Client, version string, seed uint64) error {
	if len(f.published) > 1 && seed%3 == 2 {
		for version := range f.published {
			f.pending, f.deletion = version, true
			if err := f.delete(ctx, address); err != nil {
				return err
			}
			break
		}
	}
	dir := folder(f.t, seed, 200_000+int(seed%5)*400_000)
	p, err := pack.Folder(f.t.Context(), dir, pack.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	f.pending, f.deletion, f.packed = version, false, p
	return f.push(ctx, c)
}

func (f *faults) push(ctx context.Context, c *client.Client) error {
	if _, err := c.Push(ctx, f.packed, client.Reference{Name: "ada/model", Tag: f.pending}, client.Watch{}); err != nil {
		return err
	}
	f.published[f.pending] = f.packed
	f.pending = ""
	return nil
}

func (f *faults) delete(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, "DELETE", address+"/v2/ada/model/manifests/"+f.published[f.pending].Digest.String(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted && answer.StatusCode != http.StatusNotFound { // a retry finds it gone
		return errors.New(answer.Status)
	}
	delete(f.published, f.pending)
	f.deleted = append(f.deleted, f.pending)
	f.pending = ""
	return nil
}

func (f *faults) retry(address string, c *client.Client) error {
	if f.deletion {
		return f.delete(f.t.Context(), address)
	}
	return f.push(f.t.Context(), c)
}

// check looks into catalogue and store, which no server has open.
func (f *faults) check(round int) {
	f.t.Helper()
	ctx := f.t.Context()
	r, err := f.depot.Catalogue.Repository(ctx, f.who, "ada/model")
	if errors.Is(err, catalogue.ErrNotFound) && len(f.published) == 0 {
		return
	}
	if err != nil {
		f.t.Fatal(err)
	}
	for version, p := range f.published {
		target, err := f.depot.Catalogue.Resolve(ctx, r, version)
		if f.deletion && version == f.pending && errors.Is(err, catalogue.ErrNotFound) {
			continue // done, and not acknowledged
		}
		if err != nil || target.Manifest.Digest != p.Digest {
			f.t.Errorf("round %d: %s was acknowledged and is lost: %v", round, version, err)
		}
	}
	for _, version := range f.deleted {
		if _, err := f.depot.Catalogue.Resolve(ctx, r, version); !errors.Is(err, catalogue.ErrNotFound) {
			f.t.Errorf("round %d: %s was deleted and is there again: %v", round, version, err)
		}
	}
	refs, err := f.depot.Catalogue.Refs(ctx, r)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, ref := range refs { // whatever is visible is whole
		if _, known := f.published[ref.Name]; !known && ref.Name != f.pending && ref.Name != catalogue.Latest {
			f.t.Errorf("round %d: %s appeared from nowhere", round, ref.Name)
		}
		target, err := f.depot.Catalogue.Resolve(ctx, r, ref.Name)
		if err != nil {
			f.t.Fatal(err)
		}
		m, err := pack.Parse(target.Content)
		if err != nil {
			f.t.Fatal(err)
		}
		files, err := f.depot.Catalogue.Files(ctx, &target.Manifest)
		if err != nil || len(files) != len(m.Files) {
			f.t.Errorf("round %d: %s has %d files of %d, %v", round, ref.Name, len(files), len(m.Files), err)
		}
		for _, b := range m.Blobs() {
			if _, err := f.depot.Catalogue.Blob(ctx, r, b); err != nil {
				f.t.Errorf("round %d: %s: %v", round, ref.Name, err)
			}
			if err := blob.Verify(ctx, f.depot.Blobs, b); err != nil {
				f.t.Errorf("round %d: %s: %v", round, ref.Name, err)
			}
		}
	}
}

// nothingLeft collects garbage and compares the store's files with what packages need.
func (f *faults) nothingLeft(data, store string) {
	f.t.Helper()
	time.Sleep(50 * time.Millisecond)
	if _, err := f.depot.Collect(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	files := 0
	err := f.depot.Blobs.Walk(f.t.Context(), func(i blob.Info) error {
		files++
		needed, err := f.depot.Catalogue.NeededBy(f.t.Context(), i.Digest)
		if err == nil && len(needed) == 0 {
			f.t.Errorf("%s is an orphan", i.Digest)
		}
		return err
	})
	if err != nil || files == 0 {
		f.t.Errorf("%d files, %v", files, err)
	}
	if store != "" {
		f.bucketEmpty(store)
		return
	}
	err = filepath.WalkDir(filepath.Join(data, "uploads"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != ".store" { // by which the folder is known
			f.t.Errorf("the upload %s is left", e.Name())
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
}

// bucketEmpty looks for uploads that are left in an object store.
func (f *faults) bucketEmpty(store string) {
	f.t.Helper()
	b, err := s3.Open(store)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := b.List(f.t.Context(), "uploads/", func(i s3.Info) error {
		f.t.Errorf("%s is left", i.Key)
		return nil
	}); err != nil {
		f.t.Error(err)
	}
	parts, err := b.Uploads(f.t.Context(), "")
	if err != nil {
		f.t.Error(err)
	}
	for _, p := range parts {
		f.t.Errorf("the object in parts %s is left", p.Key)
	}
}
