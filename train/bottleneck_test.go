package train

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// narrow is a training of a transformer with bottlenecks.
func narrow(t *testing.T, set func(c *Config)) (*Trainer, *model.Model, error) {
	t.Helper()
	small, train, valid, _ := build(t, "transformer")
	shape := small.Config
	shape.Layers, shape.Bottleneck = 2, model.Bottleneck{Size: 3}
	m, err := model.New(shape, small.Clean, small.Tokenizer, small.Labels, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Epochs, c.Threads, c.Bottleneck = 4, 1, Bottleneck{Size: 3}
	set(&c)
	tr, err := New(m, train, valid, c)
	return tr, m, err
}

func TestBottlenecksLearnAndTheirLayersStay(t *testing.T) {
	tr, m, err := narrow(t, func(*Config) {})
	if err != nil {
		t.Fatal(err)
	}
	start := weightsByName(m.Params)
	var first, last float64
	run(t, tr, func(e Event) bool {
		if e.Epoch != nil {
			if last = e.Epoch.TrainLoss; first == 0 {
				first = last
			}
		}
		return false
	})
	tr.Finish()
	if last > 0.95*first {
		t.Errorf("the loss went from %g to %g", first, last)
	}
	for name, w := range weightsByName(m.Params) {
		learns := strings.HasPrefix(name, encoder.BottleneckPrefix) || m.Params.Get(name).Layer == 0
		if learns == slices.Equal(start[name], w) {
			t.Errorf("%s: changed %v", name, !learns)
		}
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	before, _, err := Evaluate(t.Context(), m, tr.valid, nn.NewTape(nil))
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := Evaluate(t.Context(), again, tr.valid, nn.NewTape(nil))
	if err != nil || before != after {
		t.Errorf("%+v, opened again %+v (%v)", before, after, err)
	}
}

func TestBottlenecksThatDoNotFitAreRefused(t *testing.T) {
	for want, set := range map[string]func(c *Config){
		"two ways to learn":        func(c *Config) { c.LoRA = LoRA{Rank: 1, Alpha: 1, Targets: []string{"qkv"}} },
		"train.reinit":             func(c *Config) { c.Reinit = 1 },
		"has bottlenecks of width": func(c *Config) { c.Bottleneck.Size = 5 },
	} {
		_, _, err := narrow(t, set)
		if err == nil || !strings.Contains(err.Error(), want) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", want, err, hint.Way(err))
		}
	}
	small, _, _, _ := build(t, "cnn")
	shape := small.Config
	shape.Bottleneck.Size = 3
	if _, err := model.New(shape, small.Clean, small.Tokenizer, small.Labels, 7, nil); err == nil || !strings.Contains(err.Error(), "has no layers for bottlenecks") {
		t.Error(err)
	}
}
