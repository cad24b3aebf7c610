package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/hub"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// OpenReference opens a model by name: a package, a folder in the Hugging Face layout, an export to ONNX, or a reference
// to a model on a hub or a market, which is loaded first.
func OpenReference(ctx context.Context, name string, o Observer) (*Model, error) {
	m, err := openReference(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

func openReference(ctx context.Context, name string, o Observer) (*model.Model, error) {
	dir, err := Fetch(ctx, name, o)
	if err != nil {
		return nil, err
	}
	if export.Is(dir) {
		return export.Open(dir)
	}
	return model.Open(dir)
}

// Fetch returns the folder of a model, which may be named by a reference (hf://owner/name or ms://owner/name, with
// @revision): then it is looked up in the cache of models, and loaded if need be. See package hub. The name of a package on
// a market, market://owner/name or with :version behind it, is looked up where the user is logged in; see package client.
func Fetch(ctx context.Context, name string, watch Observer) (dir string, err error) {
	return fetch(ctx, name, watch, hub.Options{})
}

// FetchTokenizer is Fetch for what needs no weights.
func FetchTokenizer(ctx context.Context, name string, watch Observer) (dir string, err error) {
	return fetch(ctx, name, watch, hub.Options{WithoutWeights: true})
}

func fetch(ctx context.Context, name string, watch Observer, o hub.Options) (dir string, err error) {
	if watch == nil {
		watch = silent{}
	}
	const kilobyte = 1000
	begun := false
	o.Note = watch.Note
	o.Progress = func(done, total int64, file string) {
		if !begun {
			begun = true
			watch.Stage("loading", total/kilobyte, "kB")
		}
		watch.Progress(done/kilobyte, file)
	}
	if client.IsReference(name) {
		return fetchFromMarket(ctx, name, client.Watch{Progress: o.Progress}, o.Note)
	}
	return hub.Resolve(ctx, name, o)
}

func fetchFromMarket(ctx context.Context, name string, watch client.Watch, note func(format string, args ...any)) (dir string, err error) {
	ref, err := client.ParseReference(name)
	if err != nil {
		return "", err
	}
	c, err := client.New(client.Options{})
	if err != nil {
		return "", err
	}
	return c.Resolve(ctx, ref, watch, note)
}
