// Package hub finds models by name: a reference to a model on the Hugging Face hub or on ModelScope becomes a folder.
//
//	dir, err := hub.Resolve(ctx, "hf://sentence-transformers/all-MiniLM-L6-v2", hub.Options{})
//	m, err := model.Open(dir)
//
// A reference is hf://owner/name or ms://owner/name, with @revision (a branch, a tag or a commit) behind it if it is not
// the main one. Any other name is the path of a folder and stays what it is.
//
// What is loaded goes into the cache that the hub's own client uses, in its layout, so that each finds what the other has
// loaded: huggingface_hub's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache) and the modelscope
// package's. Every file has the digest that the hub lists for it before it gets its name. What an interruption leaves is
// taken up again; a folder that is returned is whole. Only files that are read here are loaded: configuration, tokenizer,
// one form of the weights, the modules of sentence-transformers, adapters, and the README.
//
// The environment says where and how, with the names that those clients read: HF_ENDPOINT (a mirror), HF_TOKEN,
// HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE; MODELSCOPE_ENDPOINT, MODELSCOPE_API_TOKEN, MODELSCOPE_CACHE; HTTPS_PROXY.
package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options are what a caller may say.
type Options struct {
	// Offline uses what is in the cache and asks nobody, as the environment's HF_HUB_OFFLINE=1 does.
	Offline bool
	// WithoutWeights is for what reads configuration or tokenizer alone.
	WithoutWeights bool
	// Progress hears of bytes that are there, of all that are needed, and what is being loaded; from several goroutines,
	// one at a time. It is not called if nothing has to be loaded.
	Progress func(done, total int64, file string)
	// Note hears what a user should know although it is no failure.
	Note func(format string, args ...any)

	wait func(context.Context, time.Duration) error // between tries; tests have no time
}

// IsReference tells whether a name is one that Resolve looks up, and not a path.
func IsReference(name string) bool {
	return strings.HasPrefix(name, hfScheme) || strings.HasPrefix(name, msScheme)
}

// site is a hub: what it lists and where its files are, and where they are kept here.
type site interface {
	// list names the files of a revision.
	list(ctx context.Context, c *client, r reference) (listing, error)
	// address is where a file of a listing is loaded from.
	address(r reference, l listing, path string) string
	// cache is where a model is kept.
	cache(r reference) cache
	// found names a folder that holds the model already, in a layout of earlier times.
	found(r reference) (dir string, ok bool)
	// unreachable is the way out where nobody answers.
	unreachable() string
}

// listing is what a revision holds.
type listing struct {
	snapshot string // name of its folder: a commit, or a revision that may move
	files    []file
}

// file is one of a listing.
type file struct {
	path   string // with slashes, below the model
	size   int64  // bytes
	digest string // SHA-256 in 64 hexadecimal digits, or git's SHA-1 of a blob in 40
}

// Resolve returns the folder of a model; of a reference the one in the cache, loaded if need be. See the package's comment.
func Resolve(ctx context.Context, ref string, o Options) (dir string, err error) {
	if !IsReference(ref) {
		return ref, refuseAddress(ref)
	}
	r, err := parse(ref)
	if err != nil {
		return "", err
	}
	c := newClient(o)
	var s site
	if r.scheme == hfScheme {
		s, err = newHuggingFace(c)
	} else {
		s, err = newModelScope(c)
	}
	if err != nil {
		return "", err
	}
	before, cacheErr := cached(s, r, o.WithoutWeights)
	if o.Offline || offline() {
		return before, cacheErr
	}
	patience := tries
	if cacheErr == nil {
		patience = 1 // what is there will do
	}
	dir, err = load(ctx, c, s, r, patience)
	unreachable := errors.As(err, new(*unreachableError)) && ctx.Err() == nil
	switch {
	case err == nil:
		return dir, nil
	case unreachable && cacheErr == nil:
		c.note("note: %v; going on with %s as it was loaded before", err, r)
		return before, nil
	case unreachable:
		return "", hint.Wrap(err, s.unreachable(), "loading %s", r)
	}
	return "", fmt.Errorf("loading %s: %w", r, err)
}

// load asks the hub, up to patience times, and loads what is missing.
func load(ctx context.Context, c *client, s site, r reference, patience int) (dir string, err error) {
	c.tries = patience
	l, err := s.list(ctx, c, r)
	c.tries = tries
	if err != nil {
		return "", err
	}
	if l.files, err = choose(l.files, c.WithoutWeights); err != nil {
		return "", err
	}
	k := s.cache(r)
	if err := k.fill(ctx, c, l, func(path string) string { return s.address(r, l, path) }); err != nil {
		return "", err
	}
	return k.snapshot(l.snapshot), k.remember(r.revision, l.snapshot)
}

// cached finds a model without asking anybody.
func cached(s site, r reference, lean bool) (string, error) {
	k := s.cache(r)
	dir, err := k.whole(r.revision, lean)
	if err == nil {
		return dir, nil
	}
	if dir, ok := s.found(r); ok {
		return dir, nil
	}
	return "", err
}

// offline tells whether the environment forbids to ask.
func offline() bool {
	for _, name := range []string{"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} {
		switch strings.ToUpper(os.Getenv(name)) {
		case "1", "ON", "YES", "TRUE":
			return true
		}
	}
	return false
}
