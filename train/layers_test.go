package train

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// deep builds a transformer of three layers (nn.Param.Layer 2 to 4) and a training of one epoch.
func deep(t *testing.T, set func(c *Config)) (*Trainer, *model.Model, error) {
	t.Helper()
	small, train, valid, _ := build(t, "transformer")
	shape := small.Config
	shape.Layers, shape.Dropout, shape.EmbedDropout = 3, 0, 0 // masks would differ where layers are left out
	m, err := model.New(shape, small.Clean, small.Tokenizer, small.Labels, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Epochs, c.Schedule, c.Warmup, c.WeightDecay = 1, "constant", 0, 0
	set(&c)
	tr, err := New(m, train, valid, c)
	return tr, m, err
}

// weights returns a copy of all weights, those that do not learn included.
func weights(m *model.Model) []float32 {
	var all []float32
	for _, p := range m.Params.All() {
		all = append(all, p.Data...)
	}
	return all
}

// moved returns by layer how far the weights have gone from start: the largest change of one.
func moved(m *model.Model, start []float32) map[int]float64 {
	far := map[int]float64{}
	at := 0
	for _, p := range m.Params.All() {
		for i, w := range p.Data {
			far[p.Layer] = max(far[p.Layer], math.Abs(float64(w-start[at+i])))
		}
		at += p.Size()
	}
	return far
}

func TestFrozenLayersKeepTheirWeights(t *testing.T) {
	for freeze, still := range map[string][]int{"none": nil, "embeddings": {1}, "0": {1}, "2": {1, 2, 3}, "all": {1, 2, 3, 4}} {
		tr, m, err := deep(t, func(c *Config) { c.Freeze = freeze })
		if err != nil {
			t.Fatal(err)
		}
		start := weights(m)
		run(t, tr, nil)
		far := moved(m, start)
		for layer := range 5 {
			if frozen := slices.Contains(still, layer); frozen != (far[layer] == 0) {
				t.Errorf("freeze %s: layer %d moved by %g", freeze, layer, far[layer])
			}
		}
	}
}

// TestFreezingChangesNoGradientAbove compares the first step's gradients of what learns with those without freezing.
func TestFreezingChangesNoGradientAbove(t *testing.T) {
	gradients := func(freeze string) map[string][]float32 {
		tr, m, err := deep(t, func(c *Config) { c.Freeze = freeze })
		if err != nil {
			t.Fatal(err)
		}
		run(t, tr, func(e Event) bool { return true })
		out := map[string][]float32{}
		for _, p := range m.Params.All() {
			if !p.Frozen {
				out[p.Name] = slices.Clone(p.Grad)
			}
		}
		return out
	}
	all, above := gradients("none"), gradients("2")
	compared := 0
	for name, grad := range above {
		for i, g := range grad {
			// The norm that they are clipped by is that of what learns: compare directions.
			if want := all[name][i]; (g > 1e-6) != (want > 1e-6) && math.Abs(float64(want)) > 1e-5 {
				t.Fatalf("%s[%d]: gradient %g, %g without freezing", name, i, g, want)
			}
		}
		compared += len(grad)
	}
	if compared < 100 {
		t.Fatalf("only %d gradients were compared", compared)
	}
}

func TestLayersLearnAtTheirOwnRate(t *testing.T) {
	tr, m, err := deep(t, func(c *Config) { c.LayerDecay, c.HeadRate, c.LearningRate = 0.1, 10, 0.001 })
	if err != nil {
		t.Fatal(err)
	}
	start := weights(m)
	run(t, tr, func(e Event) bool { return true }) // Adam's first step is the rate, wherever there is a gradient
	far := moved(m, start)
	for layer, want := range map[int]float64{0: 1e-2, 4: 1e-3, 3: 1e-4, 2: 1e-5, 1: 1e-6} {
		if math.Abs(far[layer]/want-1) > 0.1 {
			t.Errorf("layer %d moved by %g in the first step, expected %g", layer, far[layer], want)
		}
	}
}

func TestLayersThawFromTheTop(t *testing.T) {
	tr, m, err := deep(t, func(c *Config) { c.Unfreeze = 0.8 })
	if err != nil {
		t.Fatal(err)
	}
	start := weights(m)
	first := map[int]int{} // layer → step in which it moved first
	run(t, tr, func(e Event) bool {
		if e.Step != nil {
			for layer, far := range moved(m, start) {
				if _, seen := first[layer]; !seen && far > 0 {
					first[layer] = e.Step.Step
				}
			}
		}
		return false
	})
	steps := float64(tr.StepsPerEpoch())
	for layer := range 5 {
		want := 1
		if layer > 0 {
			want = 1 + int(math.Ceil(0.8*steps*float64(5-layer)/4))
		}
		if first[layer] != want {
			t.Errorf("layer %d learns from step %d on, expected %d of %g", layer, first[layer], want, steps)
		}
	}
}

func TestTheHighestLayersBeginAnew(t *testing.T) {
	_, m, err := deep(t, func(*Config) {})
	if err != nil {
		t.Fatal(err)
	}
	start := weights(m)
	for _, p := range m.Params.All() {
		for i := range p.Data {
			p.Data[i]++
		}
	}
	if _, err := newLayered(m, &Config{Reinit: 2, Seed: 7}); err != nil { // 7 is the seed of the fresh weights
		t.Fatal(err)
	}
	for layer, far := range moved(m, start) {
		if fresh := layer >= 3; fresh != (far == 0) {
			t.Errorf("layer %d differs from fresh weights by %g", layer, far)
		}
	}
}

func TestLayersThatAreNotThereAreNamed(t *testing.T) {
	for want, set := range map[string]func(c *Config){
		`train.freeze: "9"`:  func(c *Config) { c.Freeze = "9" },
		`train.freeze: "x"`:  func(c *Config) { c.Freeze = "x" },
		`train.reinit: 4`:    func(c *Config) { c.Reinit = 4 },
		`train.freeze: "-1"`: func(c *Config) { c.Freeze = "-1" },
	} {
		if _, _, err := deep(t, set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %s, got %v", want, err)
		}
	}
	m, train, valid, _ := build(t, "cnn")
	c := config()
	c.LayerDecay = 0.5
	if _, err := New(m, train, valid, c); err == nil || !strings.Contains(err.Error(), "has no layers") {
		t.Errorf("layer_decay of a cnn: %v", err)
	}
}

// TestGradientCheckpointingChangesNoWeight also goes on with it where a training without it was interrupted.
func TestGradientCheckpointingChangesNoWeight(t *testing.T) {
	train := func(first, then bool) []float32 {
		set := func(on bool) func(c *Config) { return func(c *Config) { c.Recompute = on } }
		tr, _, err := deep(t, set(first))
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range tr.Run(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if tr.Step() == 2 {
				break
			}
		}
		path := filepath.Join(t.TempDir(), "checkpoint")
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		again, m, err := deep(t, set(then))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(path); err != nil {
			t.Fatal(err)
		}
		run(t, again, nil)
		return m.Params.Values()
	}
	want := train(false, false)
	for _, then := range []bool{true, false} {
		if !slices.Equal(train(true, then), want) {
			t.Errorf("gradient checkpointing, then %v: other weights", then)
		}
	}
}

// TestAHeadAloneLearnsFromStatesThatAreKnown compares what is kept with what the network makes, and the model that it
// leads to with its predictions through the whole network.
func TestAHeadAloneLearnsFromStatesThatAreKnown(t *testing.T) {
	tr, m, err := deep(t, func(c *Config) { c.Freeze, c.Epochs, c.LearningRate = "all", 30, 0.05 })
	if err != nil {
		t.Fatal(err)
	}
	start := weights(m)
	best := finish(t, tr)
	if far := moved(m, start); far[0] == 0 || len(far) != 5 || far[1]+far[2]+far[3]+far[4] != 0 {
		t.Errorf("weights moved by layer: %v", far)
	}
	for _, set := range []*Set{tr.train, tr.valid} {
		if len(set.Input.States) == 0 {
			t.Fatal("no states are kept")
		}
		known := set.Input.States
		set.Input.States = nil
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		for i, v := range m.Network.Forward(tape, &set.Input).Dense.Data {
			if math.Abs(float64(known[i]-v)) > 1e-5 {
				t.Fatalf("state %d is kept as %v, the network makes %v", i, known[i], v)
			}
		}
	}
	through, _, err := Evaluate(context.Background(), m, tr.valid, nn.NewTape(nil))
	if err != nil {
		t.Fatal(err)
	}
	if through.Main != best {
		t.Errorf("accuracy %v through the network, %v while training", through.Main, best)
	}
}

// TestAHeadAloneIsSolved has the solver find weights that gradients cannot better, and a checkpoint in the middle lead to
// the same ones.
func TestAHeadAloneIsSolved(t *testing.T) {
	for _, optimizer := range []string{"lbfgs", "prototype"} {
		set := func(c *Config) { c.Freeze, c.Optimizer, c.Epochs = "all", optimizer, 7 }
		tr, m, err := deep(t, set)
		if err != nil {
			t.Fatal(err)
		}
		start := weights(m)
		best := finish(t, tr)
		if far := moved(m, start); far[0] == 0 || far[1]+far[2]+far[3]+far[4] != 0 {
			t.Errorf("%s: weights moved by layer: %v", optimizer, far)
		}
		if best < 0.4 { // of three even classes, by a network that nobody trained: chance is 0.33
			t.Errorf("%s: accuracy %v", optimizer, best)
		}
		accuracy, n := tr.CrossValidated()
		if optimizer == "lbfgs" && (n != tr.train.Len() || accuracy < 0.5) {
			t.Errorf("accuracy %v on %d examples held back", accuracy, n)
		}
		want := weights(m)
		tr, _, err = deep(t, set)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "checkpoint")
		for e, err := range tr.Run(context.Background()) {
			if err != nil || e.Step == nil || e.Step.Step == max(tr.StepsPerEpoch()/2, 1) {
				break
			}
		}
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		if tr, m, err = deep(t, set); err == nil {
			err = tr.Restore(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		finish(t, tr)
		if !slices.Equal(weights(m), want) {
			t.Errorf("%s: other weights after an interruption", optimizer)
		}
	}
	for _, wrong := range []func(c *Config){
		func(c *Config) { c.Optimizer = "lbfgs" },
		func(c *Config) { c.Optimizer, c.Freeze, c.Unfreeze = "lbfgs", "all", 0.5 },
		func(c *Config) { c.Optimizer, c.Freeze, c.Loss = "lbfgs", "all", "focal" },
	} {
		if _, _, err := deep(t, wrong); err == nil || hint.Way(err) == "" {
			t.Errorf("a training that no solver can do: %v", err)
		}
	}
}
