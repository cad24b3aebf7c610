package try

import (
	"context"
	"io"
	"path"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Desk is where a market's visitors ask the models of its packages.
type Desk struct {
	depot *depot.Depot
	pool  *Pool
	rate  *Rate
}

// NewDesk returns the desk of a depot. Each client may ask 20 questions at once, and one every two seconds.
func NewDesk(d *depot.Depot, o Options) *Desk {
	return &Desk{depot: d, pool: New(o), rate: &Rate{Every: 2 * time.Second, Burst: 20}}
}

// Close ends all processes.
func (d *Desk) Close() error { return d.pool.Close() }

// Can tells whether a package looks like one that can be asked. Whether it answers is seen when it is.
func Can(kind catalogue.Kind, files []catalogue.File) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(files, func(f catalogue.File) bool { return f.Path == name })
	}
	return kind == pack.Model && has("config.json")
}

// Ask asks the model of a version of a repository ("" for the latest) that the caller knows of; of one whose files he may
// not have, the error is catalogue.ErrGated. A client that asks too often is told ErrBusy. Other errors are those of Pool.Ask
// and of the catalogue.
func (d *Desk) Ask(ctx context.Context, who catalogue.Caller, client string, r *catalogue.Repository, version string, q Question) (*Answer, error) {
	if err := d.depot.Catalogue.MayDownload(ctx, who, r); err != nil {
		return nil, err
	}
	if ok, wait := d.rate.Allow(client, time.Now()); !ok {
		return nil, hint.Errorf("wait a moment, or install the model", "for %v no more questions: %w", wait.Round(time.Second), ErrBusy)
	}
	t, err := d.depot.Catalogue.Resolve(ctx, r, version)
	if err != nil {
		return nil, err
	}
	files, err := d.depot.Catalogue.Files(ctx, &t.Manifest)
	if err != nil {
		return nil, err
	}
	if !Can(r.Kind, files) {
		return nil, hint.Errorf("install it", "%w: it is no model with a config.json", ErrModel)
	}
	return d.pool.Ask(ctx, Model{Key: t.Manifest.Digest.String(), Files: Needed(files), Open: func(ctx context.Context, f pack.File) (io.ReadCloser, error) {
		return d.depot.Open(ctx, r, f.Digest)
	}}, q)
}

// Needed leaves out what other runtimes execute, where there are weights for this one.
func Needed(files []pack.File) []pack.File {
	weights := func(f pack.File) bool { return f.Path == "model.safetensors" }
	if !slices.ContainsFunc(files, weights) {
		return files
	}
	return slices.DeleteFunc(slices.Clone(files), func(f pack.File) bool {
		return slices.Contains([]string{".onnx", ".gguf", ".tflite", ".bin", ".pt", ".h5", ".msgpack"}, path.Ext(f.Path))
	})
}
