package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/hub"
)

// Fetch returns the folder of a model, which may be named by a reference (hf://owner/name or ms://owner/name, with
// @revision): then it is looked up in the cache of models, and loaded if need be. See package hub.
func Fetch(ctx context.Context, name string, watch Observer) (dir string, err error) {
	if watch == nil {
		watch = silent{}
	}
	const kilobyte = 1000
	begun := false
	return hub.Resolve(ctx, name, hub.Options{Note: watch.Note, Progress: func(done, total int64, file string) {
		if !begun {
			begun = true
			watch.Stage("loading", total/kilobyte, "kB")
		}
		watch.Progress(done/kilobyte, file)
	}})
}
