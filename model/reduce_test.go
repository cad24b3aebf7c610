package model

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

// A checkpoint of others without some layers, heads, neurons and tokens is a package that opens and says the same, and can
// be reduced again.
func TestReducedCheckpointsSurviveTheirPackage(t *testing.T) {
	dir := golden.Path(t, "models", "all-MiniLM-L6-v2")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no checkpoint: ", err)
	}
	base, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Package.Close()
	ctx := context.Background()
	heads, inner := make([][]int, 3), make([][]int, 3)
	all := base.Parts()
	for l := range heads {
		for i := 0; i < all.Heads; i += 2 {
			heads[l] = append(heads[l], i)
		}
		for i := 0; i < all.Inner; i += 3 {
			inner[l] = append(inner[l], i)
		}
	}
	small, err := base.Keep(Keep{Layers: []int{0, 2, 5}})
	if err != nil {
		t.Fatal(err)
	}
	if small, err = small.Keep(Keep{Heads: heads}); err != nil {
		t.Fatal(err)
	}
	if small, err = small.Keep(Keep{Inner: inner}); err != nil {
		t.Fatal(err)
	}
	texts := []string{"the room was clean", "never again"}
	used := map[int32]bool{}
	for _, s := range texts {
		for _, id := range base.Tokenizer.Encode(s).IDs {
			used[id] = true
		}
	}
	before, err := small.Embed(ctx, texts, "")
	if err != nil {
		t.Fatal(err)
	}
	tok, old, err := small.Tokenizer.Trimmed(func(id int32) bool { return used[id] })
	if err != nil {
		t.Fatal(err)
	}
	if small, err = small.KeepTokens(tok, old); err != nil {
		t.Fatal(err)
	}
	if small, err = small.Keep(Keep{Layers: []int{0, 2}}); err != nil {
		t.Fatal(err)
	}
	want, err := small.Embed(ctx, texts, "")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(before[0], want[0]) {
		t.Error("a layer less says the same")
	}
	out := filepath.Join(t.TempDir(), "m")
	if _, err := small.Save(out, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	got, err := again.Embed(ctx, texts, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%q: opened, it has another vector", texts[i])
		}
	}
	if p := again.Parts(); p.Layers != 2 || p.Heads != (all.Heads+1)/2 || p.Inner != (all.Inner+2)/3 {
		t.Errorf("opened with %+v of %+v", p, all)
	}
	for _, k := range []Keep{{Layers: []int{2}}, {Layers: []int{1, 0}}, {Layers: []int{0, 0}}, {Layers: []int{-1}}} {
		if _, err := again.Keep(k); err == nil {
			t.Errorf("kept %v of 2 layers", k.Layers)
		}
	}
}
