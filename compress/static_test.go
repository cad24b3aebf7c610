package compress

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// done makes a model by moves.
func done(t *testing.T, m *model.Model, w *Work, list string) *model.Model {
	t.Helper()
	moves, err := Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, move := range moves {
		if m, err = move.Apply(context.Background(), m, w); err != nil {
			t.Fatalf("%s: %v; %s", move, err, hint.Way(err))
		}
	}
	return m
}

// TestRangesOfInputsAreKept gives each linear layer the range that its inputs have on examples, those of the methods
// different ones, and finds them in the package again. What is trained further has none.
func TestRangesOfInputsAreKept(t *testing.T) {
	m, w := tiny(t, "transformer")
	limit := func(g *model.Model) float32 { return g.Params.Get("layers.1.down.weight").Limit }
	all, most := done(t, m, w, "minmax8"), done(t, m, w, "percentile8=90")
	seen, err := static{quant.Calibration{Method: quant.MinMax}}.observe(context.Background(), m, w)
	if err != nil {
		t.Fatal(err)
	}
	if want := seen["layers.1.down.weight"].Limit(quant.Calibration{Method: quant.MinMax}); limit(all) != want || !(limit(most) > 0) || limit(most) >= want {
		t.Errorf("limits %v and %v, the largest input is %v", limit(all), limit(most), want)
	}
	if limit(m) != 0 {
		t.Error("the original has changed")
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := most.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	if limit(again) != limit(most) || again.Precision() != nn.INT8 {
		t.Errorf("opened, the limit is %v, want %v", limit(again), limit(most))
	}
	a, err := most.Predict(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.Predict(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if fmt.Sprint(a[i].Probabilities) != fmt.Sprint(b[i].Probabilities) {
			t.Errorf("opened, it says %v, and %v before", b[i].Probabilities, a[i].Probabilities)
		}
	}
	if healed := done(t, most, w, "heal=1"); limit(healed) != 0 {
		t.Error("weights that have changed keep the ranges of others")
	}
}

func TestAnEmptyCalibrationSetIsRefused(t *testing.T) {
	m, w := tiny(t, "mlp")
	w.Set = func(*model.Model) *train.Set { return &train.Set{} }
	_, err := static{quant.Calibration{Method: quant.Entropy}}.Apply(context.Background(), m, w)
	if err == nil || !strings.Contains(err.Error(), "the calibration set is empty") || strings.Contains(err.Error(), "\n") || hint.Way(err) == "" {
		t.Errorf("%v", err)
	}
}

// TestTrainingAwareOfBitsLosesLess keeps a network in 4 bits, of which it loses much, as it is and after training as if it
// were so: rounded, the loss is lower then, and the weights are what they are rounded to.
func TestTrainingAwareOfBitsLosesLess(t *testing.T) {
	m, w := tiny(t, "transformer")
	loss := func(g *model.Model) float64 {
		set := w.Set(g)
		judged, _, err := train.Evaluate(context.Background(), g, set, nn.NewTape(nil))
		if err != nil {
			t.Fatal(err)
		}
		return judged.Loss
	}
	plain, aware := done(t, m, w, "int4"), done(t, m, w, "qat4=1")
	if a, b := loss(aware), loss(plain); !(a < b) {
		t.Errorf("the loss is %v after training aware of it, %v without", a, b)
	}
	for _, p := range aware.Params.All() {
		if p.Fake != nil {
			t.Errorf("%s is still trained as if it were rounded", p.Name)
		}
	}
}

// TestLayersShareTheirWeights compares the weights of groups with those of their members.
func TestLayersShareTheirWeights(t *testing.T) {
	m, w := tiny(t, "transformer") // of three layers
	w.Heal = nil
	weight := func(g *model.Model, layer, i int) float64 {
		return float64(g.Params.Get(fmt.Sprintf("layers.%d.up.weight", layer)).Floats()[i])
	}
	average, first := done(t, m, w, "share=2"), done(t, m, w, "share_first=2")
	for i := range 20 {
		// Of three layers in two groups, the first two are one.
		if want := (weight(m, 0, i) + weight(m, 1, i)) / 2; math.Abs(weight(average, 0, i)-want) > 1e-6 || weight(average, 1, i) != weight(m, 2, i) {
			t.Fatalf("weight %d is %v, want %v", i, weight(average, 0, i), want)
		}
		if weight(first, 0, i) != weight(m, 0, i) || weight(first, 1, i) != weight(m, 2, i) {
			t.Fatalf("weight %d of the first layer is %v", i, weight(first, 0, i))
		}
	}
	if average.Params.Get("layers.2.up.weight") != nil || average.Parameters() >= m.Parameters() {
		t.Errorf("%d weights, of %d", average.Parameters(), m.Parameters())
	}
	for _, list := range []string{"share=3", "share_first=9"} {
		moves, _ := Parse(list)
		if _, err := moves[0].Apply(context.Background(), m, w); err == nil || hint.Way(err) != "choose 1 to 2 groups" {
			t.Errorf("%s: %v", list, err)
		}
	}
	moves, _ := Parse("heads=1")
	if _, err := moves[0].Apply(context.Background(), average, w); err == nil {
		t.Error("heads were taken out of layers of two groups")
	}
}
