// Command gen compiles the runners that a release of xiaoyu carries, one for each target, and compresses them into the
// folder runners. It is run by `go generate -tags runners ./export/program`.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/export/program"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if err := os.MkdirAll("runners", 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "xiaoyu-runners-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	glue, err := program.Glue(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile("runners/wasm_exec.js.zst", z.EncodeAll(glue, nil), 0o644); err != nil {
		return err
	}
	for _, t := range append(program.Targets, program.Web) {
		path := filepath.Join(temp, t.OS+"-"+t.Arch)
		if err := program.Compile(ctx, ".", t, path); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		packed := z.EncodeAll(data, nil)
		fmt.Printf("%-14s %s, packed %s\n", t, size.Bytes(int64(len(data))), size.Bytes(int64(len(packed))))
		if err := os.WriteFile(filepath.Join("runners", filepath.Base(path)+".zst"), packed, 0o644); err != nil {
			return err
		}
	}
	return nil
}
