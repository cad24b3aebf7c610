package train

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

func TestLowRankChangesLearnAndAreMerged(t *testing.T) {
	tr, m, err := deep(t, func(c *Config) {
		c.LoRA, c.LearningRate = LoRA{Rank: 2, Alpha: 4, Dropout: 0.1, Targets: []string{"qkv", "down"}}, 0.01
	})
	if err != nil {
		t.Fatal(err)
	}
	start := weightsByName(m.Params)
	for _, p := range m.Params.All() {
		if changes := strings.Contains(p.Name, ".lora_"); changes == p.Frozen && p.Layer > 0 || p.Layer == 0 && p.Frozen {
			t.Errorf("%s: frozen %v", p.Name, p.Frozen)
		}
	}
	if n, all := len(m.Params.Values()), m.Params.Count(); n > all/3 {
		t.Errorf("%d of %d weights have gradients", n, all)
	}
	var first, last float64
	run(t, tr, func(e Event) bool {
		if e.Step != nil {
			if last = e.Step.Loss; first == 0 {
				first = last
			}
		}
		return false
	})
	if last > 0.9*first {
		t.Errorf("the loss went from %g to %g", first, last)
	}
	before, _, err := Evaluate(t.Context(), m, tr.valid, tr.tape)
	if err != nil {
		t.Fatal(err)
	}
	tr.best = nil // what was judged last is compared
	tr.Finish()
	a := tr.Adapter()
	if a == nil || a.Config.Rank != 2 || a.Config.Targets.Expression != `layers\.\d+\.qkv|layers\.\d+\.down` {
		t.Fatalf("adapter %+v", a.Config)
	}
	after, _, err := Evaluate(t.Context(), m, tr.valid, nn.NewTape(nil))
	if err != nil || before.Main != after.Main || before.Loss-after.Loss > 1e-4 || after.Loss-before.Loss > 1e-4 {
		t.Errorf("merging took the loss from %g to %g (%v)", before.Loss, after.Loss, err)
	}
	for name, w := range weightsByName(m.Params) {
		changes := strings.HasSuffix(name, "qkv.weight") || strings.HasSuffix(name, "down.weight") || m.Params.Get(name).Layer == 0
		if was, ok := start[name]; !ok || changes == slices.Equal(was, w) {
			t.Errorf("%s: changed %v", name, !changes)
		}
	}
}

// weightsByName returns copies of all weights.
func weightsByName(ps *nn.Params) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range ps.All() {
		all[p.Name] = slices.Clone(p.Data)
	}
	return all
}

func TestLowRankChangesThatCannotBeAreNamed(t *testing.T) {
	for says, set := range map[string]func(c *Config){
		"no module value": func(c *Config) { c.LoRA = LoRA{Rank: 2, Alpha: 1, Targets: []string{"value"}} },
		"rank 1000 of":    func(c *Config) { c.LoRA = LoRA{Rank: 1000, Alpha: 1, Targets: []string{"all-linear"}} },
		"does not train":  func(c *Config) { c.LoRA, c.Reinit = LoRA{Rank: 2, Alpha: 1, Targets: []string{"qkv"}}, 1 },
	} {
		if _, _, err := deep(t, set); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("expected an error with %q, got %v", says, err)
		}
	}
	m, train, valid, _ := build(t, "cnn")
	c := config()
	c.LoRA.Rank = 2
	if _, err := New(m, train, valid, c); err == nil || !strings.Contains(err.Error(), "the family cnn has no layers") {
		t.Errorf("changes of a cnn: %v", err)
	}
}

func TestLowRankChangesResumeToTheBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	train := func(restore bool, stop int) map[string][]float32 {
		tr, m, err := deep(t, func(c *Config) { c.LoRA = LoRA{Rank: 2, Alpha: 4, Dropout: 0.2, Targets: []string{"all-linear"}} })
		if err != nil {
			t.Fatal(err)
		}
		if restore {
			if err := tr.Restore(path); err != nil {
				t.Fatal(err)
			}
		}
		run(t, tr, func(e Event) bool { return e.Step != nil && e.Step.Step == stop })
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		tr.Finish()
		return weightsByName(m.Params)
	}
	want := train(false, 0)
	train(false, 3)
	for name, w := range train(true, 0) {
		if !slices.Equal(w, want[name]) {
			t.Errorf("%s differs after a resumed training", name)
		}
	}
}
