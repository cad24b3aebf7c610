// Package verify measures the models of a market by benchmarks whose rows nobody can read, and signs what it finds.
//
//	kind, err := verify.KindOf("tokens") // what models say of a text, see Kinds
//	rows, err := kind.ReadRows(ctx, "held-back.conll", data.Columns{Text: "text", Label: "label"})
//	err = verify.Add(ctx, catalogue, "", &catalogue.Benchmark{Name: "names-zh", Kind: kind.Name, …}, rows)
//	err = verify.NewWorker(depot, verify.Options{}).Run(ctx) // works on what is wanted until ctx ends
//
// What is wanted is known to the catalogue, whose jobs it are; a worker takes one, has the model read the texts in a process
// of its own that is shut in (package try), judges the answers by the labels, which that process never sees, and hands the
// figures back with a statement of in-toto, signed with the market's key, that lies beside the package for everybody.
//
// Texts are disturbed by the texts themselves, and what is random begins the same each time: who has the rows gets the
// same figures everywhere, but for those of the machine.
package verify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// Worker makes the verifications that a market wants. Any number of them may work for one, on any machines that reach its
// database and its store.
type Worker struct {
	depot   *depot.Depot
	options WorkerOptions
	log     *slog.Logger
}

// WorkerOptions are a worker's. The zero values are good ones.
type WorkerOptions struct {
	Options
	Parallel int           // models that are measured at once, which disturbs their times; 1 if 0
	Lease    time.Duration // after which a job whose worker has gone is given to another; 15 s if 0
	Rescue   time.Duration // after which one is whose worker does not come to an end; half more than Limit if 0
	Log      *slog.Logger  // slog's default if nil
	Done     func(of string, r *Record)
}

// NewWorker returns a worker for a depot.
func NewWorker(d *depot.Depot, o WorkerOptions) *Worker {
	o.Options = o.complete()
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Worker{d, o, o.Log}
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	// A name of its own for each: a job says whose it is.
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	// Measuring ends by itself at its limit; keeping what it found needs a moment more.
	limit := w.options.Limit + 30*time.Second
	rescue := w.options.Rescue
	if rescue != 0 {
		limit = min(limit, rescue)
	}
	return w.depot.Catalogue.Work(ctx, catalogue.WorkOptions{Name: host + " " + rand.Text(), Parallel: w.options.Parallel, Limit: limit, Lease: w.options.Lease, Rescue: rescue, Log: w.log}, w.do)
}

// do makes one verification.
func (w *Worker) do(ctx context.Context, t *catalogue.Task) (*catalogue.Outcome, error) {
	name := t.Repository.FullName()
	rows, err := unseal(t.Sealed, t.Benchmark.Digest)
	if err != nil {
		return nil, err
	}
	files, err := w.depot.Catalogue.Files(ctx, &t.Manifest)
	if err != nil {
		return nil, err
	}
	m := try.Model{Key: t.Manifest.Digest.String(), Files: try.Needed(files), Open: func(ctx context.Context, f pack.File) (io.ReadCloser, error) {
		return w.depot.Open(ctx, t.Repository, f.Digest)
	}}
	r, err := Measure(ctx, w.options.Options, m, t.Benchmark, rows)
	if err != nil {
		w.log.Error("a model could not be measured", "package", name, "benchmark", t.Benchmark.Name, "error", err)
		return nil, err
	}
	r.Size = t.Manifest.Size
	o := &catalogue.Outcome{Verification: r.outcome()}
	if o.Record, err = json.Marshal(r); err != nil {
		return nil, err
	}
	if r.State != catalogue.Unfit { // of what a benchmark is not for there is nothing to say
		if o.Signed, err = w.sign(ctx, t, r); err != nil {
			return nil, err
		}
	}
	w.log.Info("measured a model", "package", name, "version", t.Version, "benchmark", t.Benchmark.Name, "state", r.State, "seconds", r.Seconds, "problem", r.Problem)
	if w.options.Done != nil {
		w.options.Done(name, r)
	}
	return o, nil
}

// sign makes the statement about a package and stores what its manifest needs.
func (w *Worker) sign(ctx context.Context, t *catalogue.Task, r *Record) (*catalogue.Publication, error) {
	name := t.Repository.FullName()
	key, err := w.depot.Catalogue.Signer(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := Statement(name, t.Manifest.Digest, r)
	if err != nil {
		return nil, err
	}
	b, err := sign.SignStatement(payload, key)
	if err != nil {
		return nil, fmt.Errorf("signing the figures of %s: %w", name, err)
	}
	target, err := w.depot.Catalogue.Resolve(ctx, t.Repository, t.Manifest.Digest.String())
	if err != nil {
		return nil, err
	}
	s, err := pack.NewSignature(b, ArtifactType, PredicateType, t.Manifest.Digest, int64(len(target.Content)))
	if err != nil {
		return nil, err
	}
	return w.depot.Attach(ctx, t.Repository, s, v1.MediaTypeImageManifest)
}
