package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// rounds is how often each transfer is made; the fastest counts, for others use the machine as well.
const rounds = 3

// transfer pushes and pulls packages by xiaoyu and by skopeo, by turns, and of new random weights each time: skopeo would
// remember where it has seen a blob before, and have it mounted from there. Neither has anything in a cache.
func (b *bench) transfer(ctx context.Context, size int64) error {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		return fmt.Errorf("install Debian's skopeo: %w", err)
	}
	dir := filepath.Join(b.dir, "transfer")
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	policy := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o644); err != nil {
		return err
	}
	t := &transfers{b: b, s: s, dir: dir, times: map[string][]time.Duration{}, skopeo: func(args ...string) error {
		_, err := command(ctx, nil, skopeo, append([]string{"--policy", policy, "copy", "--src-tls-verify=false", "--dest-tls-verify=false"}, args...)...)
		return err
	}}
	for n := range rounds {
		if err := t.round(ctx, n, size); err != nil {
			return err
		}
	}
	memory, err := s.memory()
	if err != nil {
		return err
	}
	fmt.Printf("| %d MiB over loopback | xiaoyu | skopeo | of skopeo's speed |\n|---|---:|---:|---:|\n", size>>20)
	for _, what := range []string{"push", "pull"} {
		x, y := slices.Min(t.times[what+" xiaoyu"]), slices.Min(t.times[what+" skopeo"])
		speed := func(d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
		fmt.Printf("| %s | %.2f s, %.0f MB/s | %.2f s, %.0f MB/s | %.2f |\n", what, x.Seconds(), speed(x), y.Seconds(), speed(y), y.Seconds()/x.Seconds())
	}
	fmt.Printf("\nThe fastest of %d, by turns. Memory of the server at most: %d MB.\n\n", rounds, memory/1e6)
	return nil
}

type transfers struct {
	b      *bench
	s      *server
	dir    string
	skopeo func(args ...string) error
	times  map[string][]time.Duration
}

func (t *transfers) clocked(what string, f func() error) error {
	from := time.Now()
	err := f()
	t.times[what] = append(t.times[what], time.Since(from))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// round pushes and pulls once by each.
func (t *transfers) round(ctx context.Context, n int, size int64) error {
	weights, layout, out, copied := filepath.Join(t.dir, "weights"), filepath.Join(t.dir, "layout"), filepath.Join(t.dir, "out"), filepath.Join(t.dir, "copied")
	ours, theirs := fmt.Sprintf("ada/ours%d:1.0.0", n), fmt.Sprintf("ada/theirs%d:1.0.0", n)
	registry := "docker://" + strings.TrimPrefix(t.s.url, "http://") + "/"
	xiaoyu := func(args ...string) func() error {
		return func() error { _, err := t.b.xiaoyu(ctx, t.s, args...); return err }
	}
	for _, step := range []func() error{
		func() error { return errors.Join(model(weights, size), lay(ctx, weights, layout)) },
		func() error {
			return t.clocked("push skopeo", func() error { return t.skopeo("--dest-creds=ada:"+t.s.token, "dir:"+layout, registry+theirs) })
		},
		func() error { return t.clocked("push xiaoyu", xiaoyu("push", weights, ours)) },
		func() error { return errors.Join(os.RemoveAll(weights), os.RemoveAll(layout)) },
		func() error {
			return t.clocked("pull skopeo", func() error { return t.skopeo(registry+ours, "dir:"+copied) })
		},
		func() error { return t.clocked("pull xiaoyu", xiaoyu("pull", ours, "--out", out)) },
		func() error { return errors.Join(os.RemoveAll(out), os.RemoveAll(copied), os.RemoveAll(t.s.home)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// lay writes a package as skopeo has it in folders: a manifest, and blobs by their digests.
func lay(ctx context.Context, from, to string) error {
	p, err := pack.Folder(ctx, from, pack.Options{})
	if err == nil {
		err = os.MkdirAll(to, 0o755)
	}
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"version": []byte("Directory Transport Version: 1.1\n"), "manifest.json": p.Manifest, digest.FromBytes(p.Config).Encoded(): p.Config} {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, f := range p.Files {
		if err := os.Link(filepath.Join(from, filepath.FromSlash(f.Path)), filepath.Join(to, f.Digest.Encoded())); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
