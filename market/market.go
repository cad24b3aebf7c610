// Package market is a place where models, data sets and applications are published, found and installed: one server on
// one port, with a folder for all that it holds.
//
//	err := market.Serve(ctx, listener, market.Options{Data: "market-data"})
//
// What it answers lies in packages of its own, each a plain http.Handler: [registry] the OCI distribution API under /v2/,
// [api] what the command line asks under /api/v1/, [hubapi] the Hugging Face hub's API, [web] the pages. All of them stand on
// [depot], which is store ([blob]) and catalogue ([catalogue]) together.
package market

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/api"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/hubapi"
	"github.com/xiaoyu-slm/xiaoyu/market/limit"
	"github.com/xiaoyu-slm/xiaoyu/market/registry"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// Options are a market's.
type Options struct {
	Data     string        // folder
	Database string        // address of PostgreSQL; "" for SQLite in the folder
	Store    string        // address of an object store, as s3://bucket/prefix; "" for files in the folder
	Grace    time.Duration // how long what nothing needs is kept; depot.Grace if 0
	Collect  time.Duration // between two collections of garbage; every hour if 0
	Drain    time.Duration // how long requests may take to finish when the market stops; 10 s if 0
	Try      try.Options   // how models are tried
	PartSize int64         // of large files that come by the hub's LFS, in bytes; hubapi.PartSize if 0
	Log      *slog.Logger  // slog's default if nil
	Web      web.Options   // who may sign up, and how
	Quota    depot.Quota   // how much may be published
	Reviews  catalogue.ReviewRules

	Verify   verify.WorkerOptions // how models are measured by benchmarks
	NoWorker bool                 // leave that to other processes

	Rate       float64        // requests of an address a second; 0 is no limit
	Burst      int            // requests of an address at once; a second's if 0
	MaxRequest int64          // bytes of one request; 0 is no limit
	Stall      time.Duration  // how long a client may send nothing in the middle of a request; a minute if 0, of which its head has ten seconds
	Proxies    []netip.Prefix // whose X-Forwarded-For and X-Forwarded-Proto count; Loopback if nil
}

// Market is an open one: an http.Handler.
type Market struct {
	Depot *depot.Depot

	options  Options
	mux      *http.ServeMux
	hub      *hubapi.Handler
	desk     *try.Desk
	rate     *limit.Limiter
	draining atomic.Bool
}

// Open opens a market's data and mounts what it answers.
func Open(ctx context.Context, o Options) (*Market, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Collect == 0 {
		o.Collect = time.Hour
	}
	if o.Proxies == nil {
		o.Proxies = Loopback
	}
	if o.Stall == 0 {
		o.Stall = stall
	}
	if o.Drain == 0 {
		o.Drain = 10 * time.Second
	}
	d, err := depot.Open(ctx, depot.Options{Data: o.Data, Database: o.Database, Store: o.Store, Grace: o.Grace, Quota: o.Quota})
	if err != nil {
		return nil, err
	}
	d.Catalogue.Reviews = o.Reviews
	for _, log := range []**slog.Logger{&o.Try.Log, &o.Verify.Log, &o.Verify.Try.Log} {
		if *log == nil {
			*log = o.Log
		}
	}
	m := &Market{Depot: d, options: o, mux: http.NewServeMux(), hub: hubapi.New(d, o.Log, o.PartSize), desk: try.NewDesk(d, o.Try), rate: newRate(o.Rate, o.Burst)}
	m.mux.Handle("/v2/", registry.New(d, o.Log))
	m.mux.Handle("/api/v1/", api.New(d, m.desk, o.Log))
	m.mux.Handle("/", web.New(d, m.desk, o.Log, o.Web))
	m.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.mux.HandleFunc("GET /readyz", m.ready)
	return m, nil
}

// ServeHTTP answers one request.
func (m *Market) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = forwarded(r, m.options.Proxies)
	w.Header().Set("X-Content-Type-Options", "nosniff") // what people upload is what it says it is
	if !m.admits(w, r) {
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &moving{http.NewResponseController(w), m.options.Stall, r.Body}
	}
	if hubapi.Owns(r) { // the names of repositories stand before what is asked of them, which the mux cannot tell apart
		m.hub.ServeHTTP(w, r)
		return
	}
	m.mux.ServeHTTP(w, r)
}

// stall is Options.Stall where nothing is said, and headTime how long the head of a request may take. How long a body takes
// does not matter.
const stall, headTime = time.Minute, 10 * time.Second

// moving is a body that is read with a deadline which moves on with what arrives.
type moving struct {
	control *http.ResponseController
	stall   time.Duration
	io.ReadCloser
}

func (m *moving) Read(p []byte) (int, error) {
	// A server that cannot set deadlines, as in tests, has none.
	_ = m.control.SetReadDeadline(time.Now().Add(m.stall))
	return m.ReadCloser.Read(p)
}

// Close ends what runs for visitors and closes the catalogue.
func (m *Market) Close() error { return errors.Join(m.desk.Close(), m.Depot.Close()) }

// ready tells whether the market takes requests: not while it stops, nor without its database or its store.
func (m *Market) ready(w http.ResponseWriter, r *http.Request) {
	if m.draining.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	for what, ping := range map[string]func(context.Context) error{"catalogue": m.Depot.Catalogue.Ping, "store": m.Depot.Blobs.Ping} {
		if err := ping(ctx); err != nil {
			m.options.Log.Error("the "+what+" does not answer", "error", err)
			w.Header().Set("Retry-After", depot.RetryAfter)
			http.Error(w, "the "+what+" does not answer", http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ready")
}

// Serve serves a market on l until ctx ends; then requests under way get Options.Drain to finish.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	m, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Run(ctx, l)
}

// Run is Serve for an open market.
func (m *Market) Run(ctx context.Context, l net.Listener) error {
	// Bodies and answers may be large and take as long as they take, as long as they move.
	server := &http.Server{Handler: m, ReadHeaderTimeout: min(headTime, m.options.Stall), IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(m.options.Log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	go catalogue.Warm()
	working, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { m.collect(working) })
	work.Go(func() {
		m.Depot.Catalogue.KeepIndex(working, filepath.Join(m.options.Data, depot.IndexFile), m.options.Log)
	})
	work.Go(func() { m.verify(working) })
	defer func() {
		stop()
		work.Wait()
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	m.draining.Store(true)
	drain, cancel := context.WithTimeout(context.Background(), m.options.Drain)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		server.Close()
		return fmt.Errorf("stopping: some requests did not finish within %v", m.options.Drain)
	}
	return nil
}

// verify measures models until ctx ends. A database that is away when the market starts is waited for.
func (m *Market) verify(ctx context.Context) {
	for !m.options.NoWorker && ctx.Err() == nil {
		if err := verify.NewWorker(m.Depot, m.options.Verify).Run(ctx); err != nil && ctx.Err() == nil {
			m.options.Log.Error("measuring models", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
	}
}

// collect removes garbage from time to time, has trends follow the days, and keeps the index of words short.
func (m *Market) collect(ctx context.Context) {
	tick := time.NewTicker(m.options.Collect)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := errors.Join(m.Depot.Catalogue.RefreshTrends(ctx), m.Depot.Catalogue.TidyIndex(ctx)); err != nil && ctx.Err() == nil {
			m.options.Log.Error("keeping searches good", "error", err)
		}
		if _, err := m.Depot.Catalogue.ReleaseReviews(ctx); err != nil && ctx.Err() == nil {
			m.options.Log.Error("showing reviews whose time has come", "error", err)
		}
		c, err := m.Depot.Collect(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			m.options.Log.Error("collecting garbage", "error", err)
		case c != (depot.Collected{}):
			m.options.Log.Info("collected garbage", "blobs", c.Blobs, "bytes", c.Bytes, "uploads", c.Uploads)
		}
	}
}
