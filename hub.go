package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/hub"
)

// Fetch returns the folder of a model, which may be named by a reference (hf://owner/name or ms://owner/name, with
// @revision): then it is looked up in the cache of models, and loaded if need be. See package hub.
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
	return hub.Resolve(ctx, name, o)
}
