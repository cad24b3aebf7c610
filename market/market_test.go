package market_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// folder writes a model with weights of a size.
func folder(t *testing.T, seed uint64, size int) string {
	t.Helper()
	dir := t.TempDir()
	weights := make([]byte, size)
	r := rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed)))
	r.Read(weights)
	for name, content := range map[string][]byte{"README.md": []byte(markettest.Card), "config.json": []byte(`{"model_type":"bert"}`), "model.safetensors": markettest.Weights(weights), "empty.txt": nil} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func connect(t *testing.T, market, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Market: market, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reference(t *testing.T, s string) client.Reference {
	t.Helper()
	r, err := client.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func push(t *testing.T, c *client.Client, dir, name string) *client.Pushed {
	t.Helper()
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := c.Push(t.Context(), p, reference(t, name), client.Watch{})
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	return pushed
}

// same fails the test where two folders hold different packages.
func same(t *testing.T, a, b string) {
	t.Helper()
	pa, errA := pack.Folder(t.Context(), a, pack.Options{})
	pb, errB := pack.Folder(t.Context(), b, pack.Options{})
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if pa.Digest != pb.Digest {
		t.Errorf("%s and %s are different packages", a, b)
	}
}

func TestVersionsShareWhatTheyHaveInCommon(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	c := connect(t, m.URL, m.Token(t, "ada", catalogue.Write))
	dir := folder(t, 1, 3<<20)
	first := push(t, c, dir, "ada/model:1.0.0")
	if first.Sent < 3<<20 {
		t.Errorf("%d bytes were sent", first.Sent)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(strings.Replace(markettest.Card, "# Test", "# Better", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if second := push(t, c, dir, "ada/model:1.1.0"); second.Sent > 2000 {
		t.Errorf("the second version sent %d bytes", second.Sent)
	}
	stranger := connect(t, m.URL, "")
	out := filepath.Join(t.TempDir(), "a", "model")
	pulled, err := stranger.Pull(t.Context(), reference(t, "ada/model:1.0.0"), out, false, client.Watch{})
	if err != nil || pulled.Received != pulled.Size {
		t.Fatal(pulled, err)
	}
	pulled, err = stranger.Pull(t.Context(), reference(t, "ada/model"), out+"2", false, client.Watch{})
	if err != nil || pulled.Received > 1000 {
		t.Errorf("the second version brought %d bytes, %v", pulled.Received, err)
	}
	same(t, dir, out+"2")
	if _, err := stranger.Pull(t.Context(), reference(t, "ada/model"), out, false, client.Watch{}); err == nil || !strings.Contains(hint.Way(err), "--force") {
		t.Errorf("a folder that is there was replaced: %v", err)
	}
	if _, err := stranger.Pull(t.Context(), reference(t, "ada/model@"+first.Digest.String()), out, true, client.Watch{}); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 2 {
		t.Errorf("%v were left, %v", left, err)
	}
	info, err := stranger.Info(t.Context(), "ada/model", "")
	if err != nil || info.Title != "Better" || info.Downloads != 1 || info.Kind != "model" || len(info.Files) != 4 {
		t.Errorf("%+v, %v", info, err)
	}
	err = nil
	if p, packErr := pack.Folder(t.Context(), dir, pack.Options{}); packErr == nil {
		_, err = c.Push(t.Context(), p, reference(t, "ada/model:1.0.0"), client.Watch{})
	}
	if err == nil || !strings.Contains(err.Error(), "never changes") || !strings.Contains(hint.Way(err), "new version") {
		t.Errorf("another content under a published version: %v; %s", err, hint.Way(err))
	}
}

// cutter is a proxy that cuts connections after some bytes, so and so often.
type cutter struct {
	cuts   atomic.Int64
	after  int64
	before func(*http.Request) // sees every request; may be nil
	http.Handler
}

func cutting(t *testing.T, to string, after int64) (*cutter, string) {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	c := &cutter{after: after, Handler: proxy}
	s := httptest.NewServer(c)
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return c, s.URL
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.before != nil {
		c.before(r)
	}
	large := r.Method == "PATCH" || r.Method == "GET" && strings.Contains(r.URL.Path, "/blobs/sha256:")
	if large && c.cuts.Add(-1) >= 0 {
		r.Body = struct {
			io.Reader
			io.Closer
		}{&failing{r.Body, c.after}, r.Body}
		w = &shortWriter{w, c.after}
	}
	c.Handler.ServeHTTP(w, r)
}

type failing struct {
	r    io.Reader
	left int64
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err
}

type shortWriter struct {
	http.ResponseWriter
	left int64
}

func (s *shortWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > s.left {
		s.ResponseWriter.Write(p[:s.left])
		http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	s.left -= int64(len(p))
	return s.ResponseWriter.Write(p)
}

func TestTransfersGoOnAfterCuts(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	proxy, address := cutting(t, m.URL, 1<<20)
	c := connect(t, address, m.Token(t, "ada", catalogue.Write))
	dir := folder(t, 2, 5<<20)
	proxy.cuts.Store(2)
	pushed := push(t, c, dir, "ada/model:1.0.0")
	if proxy.cuts.Load() > 0 {
		t.Error("nothing was cut")
	}
	if pushed.Sent > 5<<20+4000 {
		t.Errorf("%d bytes were sent, some of them twice", pushed.Sent)
	}
	proxy.cuts.Store(3)
	var last, total int64
	pulled, err := connect(t, address, "").Pull(t.Context(), reference(t, "ada/model"), filepath.Join(t.TempDir(), "model"), false, client.Watch{Progress: func(done, of int64, _ string) { last, total = done, of }})
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Received != pulled.Size || last != total || proxy.cuts.Load() > 0 {
		t.Errorf("%d bytes of %d were received, progress ended at %d of %d", pulled.Received, pulled.Size, last, total)
	}
	same(t, dir, pulled.Dir)
}

// TestAnotherProcessGoesOnWithAPush has a push end once the market is known to have a part of a file: when the client, whose
// connection is cut again and again, comes with what follows that part.
func TestAnotherProcessGoesOnWithAPush(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	proxy, address := cutting(t, m.URL, 2<<20)
	home, token := t.TempDir(), m.Token(t, "ada", catalogue.Write)
	open := func() *client.Client {
		c, err := client.New(client.Options{Market: address, Token: token, Home: home})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	dir := folder(t, 3, 6<<20)
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	proxy.cuts.Store(1000)
	ctx, cancel := context.WithCancel(t.Context())
	var had atomic.Int64
	proxy.before = func(r *http.Request) {
		from, _, _ := strings.Cut(r.Header.Get("Content-Range"), "-")
		if n, err := strconv.ParseInt(from, 10, 64); err == nil && n > 0 && had.CompareAndSwap(0, n) {
			cancel()
		}
	}
	if _, err := open().Push(ctx, p, reference(t, "ada/model:1.0.0"), client.Watch{}); !errors.Is(err, context.Canceled) {
		t.Fatal("it was not interrupted: ", err)
	}
	proxy.cuts.Store(0)
	pushed, err := open().Push(t.Context(), p, reference(t, "ada/model:1.0.0"), client.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if least := had.Load(); least < 1<<20 || pushed.Sent > pushed.Size+int64(len(p.Config))-least {
		t.Errorf("%d bytes were sent, of %d of which the market had %d", pushed.Sent, pushed.Size, least)
	}
	if notes, err := filepath.Glob(filepath.Join(home, "uploads", "*")); err != nil || len(notes) != 0 {
		t.Errorf("notes %v are left, %v", notes, err)
	}
}

func TestADamagedBlobIsNotInstalledAndHealsByAPush(t *testing.T) {
	data := t.TempDir()
	m := markettest.Start(t, market.Options{Data: data})
	c := connect(t, m.URL, m.Token(t, "ada", catalogue.Write))
	dir := folder(t, 4, 2<<20)
	push(t, c, dir, "ada/model:1.0.0")
	weights, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromBytes(weights)
	file := filepath.Join(data, "blobs", "sha256", d.Encoded()[:2], d.Encoded())
	weights[100] ^= 1
	if err := os.WriteFile(file, weights, 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "model")
	if _, err := connect(t, m.URL, "").Pull(t.Context(), reference(t, "ada/model"), out, false, client.Watch{}); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was installed: %v", err)
	}
	damages, err := m.Depot.Scrub(t.Context(), func(int, int64) {})
	if err != nil || len(damages) != 1 || damages[0].Digest != d || len(damages[0].NeededBy) != 1 {
		t.Fatalf("%+v, %v", damages, err)
	}
	if pushed := push(t, c, dir, "ada/model:1.0.0"); pushed.Sent < 2<<20 {
		t.Errorf("%d bytes were sent", pushed.Sent)
	}
	if _, err := connect(t, m.URL, "").Pull(t.Context(), reference(t, "ada/model"), out, false, client.Watch{}); err != nil {
		t.Error(err)
	}
	if damages, err := m.Depot.Scrub(t.Context(), func(int, int64) {}); err != nil || len(damages) != 0 {
		t.Errorf("%v, %v", damages, err)
	}
}

func TestGarbageIsCollectedWhileServing(t *testing.T) {
	data := t.TempDir()
	m := markettest.Start(t, market.Options{Data: data})
	who := m.Token(t, "ada", catalogue.Write)
	c := connect(t, m.URL, who)
	kept, gone := folder(t, 5, 2<<20), folder(t, 6, 2<<20)
	push(t, c, kept, "ada/kept:1.0.0")
	push(t, c, gone, "ada/gone:1.0.0")
	// A push between its blobs and its manifest.
	caller, err := m.Depot.Catalogue.Authenticate(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Depot.Catalogue.Repository(t.Context(), caller, "ada/gone")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Depot.Catalogue.DeleteRepository(t.Context(), caller, r); err != nil {
		t.Fatal(err)
	}
	if r, err = m.Depot.Catalogue.Repository(t.Context(), caller, "ada/kept"); err != nil {
		t.Fatal(err)
	}
	// now lies well between what was done before and what comes: the times of files are not that exact.
	now := func() time.Time {
		time.Sleep(50 * time.Millisecond)
		defer time.Sleep(50 * time.Millisecond)
		return time.Now()
	}
	before := now()
	fresh := digest.FromString("on its way")
	if _, err := m.Depot.Receive(t.Context(), r, fresh, -1, strings.NewReader("on its way")); err != nil {
		t.Fatal(err)
	}
	stray := digest.FromString("stray") // as a restored database that is older than the store leaves
	if _, err := m.Depot.Blobs.Put(t.Context(), stray, strings.NewReader("stray")); err != nil {
		t.Fatal(err)
	}
	collected, err := m.Depot.CollectOlder(t.Context(), before)
	if err != nil || collected.Blobs != 2 || collected.Bytes < 2<<20 { // weights and configuration; the rest is the other's as well
		t.Errorf("%+v, %v", collected, err)
	}
	if _, err := m.Depot.Open(t.Context(), r, fresh); err != nil {
		t.Errorf("a blob on its way was taken: %v", err)
	}
	if collected, err = m.Depot.CollectOlder(t.Context(), now()); err != nil || collected.Blobs != 2 {
		t.Errorf("%+v, %v", collected, err)
	}
	if _, err := connect(t, m.URL, "").Pull(t.Context(), reference(t, "ada/kept"), filepath.Join(t.TempDir(), "m"), false, client.Watch{}); err != nil {
		t.Error(err)
	}
	push(t, c, gone, "ada/gone:1.0.0")
}

func TestABackupOfAServingMarketIsAMarket(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	c := connect(t, m.URL, token)
	first, second := folder(t, 8, 300_000), folder(t, 9, 300_000)
	push(t, c, first, "ada/model:1.0.0")
	backup, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	none := func(depot.Copied) {}
	before, err := m.Depot.Backup(t.Context(), backup, none)
	if err != nil {
		t.Fatal(err)
	}
	push(t, c, second, "ada/model:2.0.0")
	after, err := m.Depot.Backup(t.Context(), backup, none)
	if err != nil || after.Known != before.Blobs || after.Bytes > 302_000 {
		t.Errorf("the first copied %+v, the second %+v (%v)", before, after, err)
	}
	push(t, c, folder(t, 10, 10), "ada/model:3.0.0")
	if restored, err := depot.Restore(t.Context(), backup, depot.Options{Data: data}, none); err != nil || restored.Blobs != before.Blobs+after.Blobs {
		t.Fatal(restored, err)
	}
	if _, err := depot.Restore(t.Context(), backup, depot.Options{Data: data}, none); err == nil || hint.Way(err) == "" {
		t.Errorf("a folder in use was written over: %v", err)
	}
	again := markettest.Start(t, market.Options{Data: data})
	for version, dir := range map[string]string{"1.0.0": first, "2.0.0": second, "latest": second} {
		out := filepath.Join(t.TempDir(), "out")
		if _, err := connect(t, again.URL, token).Pull(t.Context(), reference(t, "ada/model:"+version), out, false, client.Watch{}); err != nil { // the token is in it as well
			t.Fatal(err)
		}
		same(t, dir, out)
	}
	lost := digest.FromBytes([]byte(`{"model_type":"bert"}`))
	if err := os.Remove(filepath.Join(data, "blobs", "sha256", lost.Encoded()[:2], lost.Encoded())); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Depot.Backup(t.Context(), t.TempDir(), none); err == nil || !strings.Contains(err.Error(), "ada/model") {
		t.Errorf("a backup that lacks something was called one: %v", err)
	}
}

func TestPrivatePackagesAndCredentials(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	ada, bob := connect(t, m.URL, m.Token(t, "ada", catalogue.Write)), connect(t, m.URL, m.Token(t, "bob", catalogue.Admin))
	if err := ada.Create(t.Context(), client.NewPackage{Name: "ada/secret", Kind: "model", Private: true}); err != nil {
		t.Fatal(err)
	}
	push(t, ada, folder(t, 7, 10), "ada/secret:1.0.0")
	out := filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"ada/secret", "ada/absent"} {
		if _, err := bob.Pull(t.Context(), reference(t, name), out, false, client.Watch{}); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%s for bob: %v", name, err)
		}
		if _, err := connect(t, m.URL, "").Pull(t.Context(), reference(t, name), out, false, client.Watch{}); !errors.Is(err, client.ErrUnauthorized) || !strings.Contains(hint.Way(err), "xiaoyu login") {
			t.Errorf("%s for a stranger: %v; %s", name, err, hint.Way(err))
		}
	}
	p, err := pack.Folder(t.Context(), folder(t, 7, 10), pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Push(t.Context(), p, reference(t, "ada/secret:2.0.0"), client.Watch{}); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("bob pushes: %v", err)
	}
	if _, err := connect(t, m.URL, m.Token(t, "ada", catalogue.Read)).Push(t.Context(), p, reference(t, "ada/secret:2.0.0"), client.Watch{}); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("a token to read pushes: %v", err)
	}
	// A market that redirects elsewhere must not take the token there.
	var stolen atomic.Value
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stolen.Store(r.Header.Get("Authorization")) }))
	defer elsewhere.Close()
	false_ := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer false_.Close()
	connect(t, false_.URL, "secret").WhoAmI(t.Context())
	if got, ok := stolen.Load().(string); !ok || got != "" {
		t.Errorf("the other host got %q", got)
	}
}

func TestALargeBlobTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 128 MB")
	}
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	const size = 128 << 20
	peak := watchHeap(t)
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	d := digest.SHA256.Digester()
	for range size / len(block) {
		d.Hash().Write(block)
	}
	r, err := http.NewRequest("POST", m.URL+"/v2/ada/large/blobs/uploads/?digest="+url.QueryEscape(d.Digest().String()), io.LimitReader(&repeat{block: block}, size))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	r, _ = http.NewRequest("GET", m.URL+"/v2/ada/large/blobs/"+d.Digest().String(), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if answer, err = http.DefaultClient.Do(r); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	if n, err := io.Copy(io.Discard, answer.Body); n != size || err != nil {
		t.Error(n, err)
	}
	answer.Body.Close()
	if got := peak(); got > 48<<20 {
		t.Errorf("the heap grew to %d MB", got>>20)
	}
}

type repeat struct {
	block []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

func TestAStoppingMarketFinishesWhatIsUnderWay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- market.Serve(ctx, l, market.Options{Data: t.TempDir()}) }()
	address := "http://" + l.Addr().String()
	answer, err := http.Get(address + "/readyz")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(address + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
