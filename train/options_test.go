package train

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// options are the ways of training beside the usual one.
var options = map[string]func(c *Config, m *model.Config){
	"accumulation":   func(c *Config, _ *model.Config) { c.Accumulate = 3 },
	"R-Drop":         func(c *Config, _ *model.Config) { c.RDrop = 0.5 },
	"FGM":            func(c *Config, _ *model.Config) { c.Adversarial = 0.5 },
	"moving average": func(c *Config, _ *model.Config) { c.Average = 0.95 },
	"focal loss":     func(c *Config, _ *model.Config) { c.Loss, c.Focus = "focal", 2 },
	"word dropout":   func(_ *Config, m *model.Config) { m.WordDropout = 0.1 },
	"one cycle":      func(c *Config, _ *model.Config) { c.Schedule, c.Warmup = "one_cycle", 0.3 },
	"by length":      func(c *Config, _ *model.Config) { c.GroupByLength = true },
	"bf16":           func(c *Config, _ *model.Config) { c.Precision = "bf16" },
	"all at once": func(c *Config, m *model.Config) {
		c.Accumulate, c.RDrop, c.Adversarial, c.Average, m.WordDropout = 2, 0.2, 0.3, 0.9, 0.05
	},
}

// TestEveryWayOfTrainingLearnsAndResumesToTheBit interrupts each in the middle of an epoch.
func TestEveryWayOfTrainingLearnsAndResumesToTheBit(t *testing.T) {
	for name, set := range options {
		t.Run(name, func(t *testing.T) {
			c := config()
			start := func() (*Trainer, *model.Model) {
				m, train, valid, _ := build(t, "cnn")
				c = config()
				set(&c, &m.Config)
				tr, err := New(m, train, valid, c)
				if err != nil {
					t.Fatal(err)
				}
				return tr, m
			}
			tr, m := start()
			best := finish(t, tr)
			if best < 0.95 {
				t.Errorf("validation accuracy %.3f", best)
			}
			want := slices.Clone(m.Params.Values())
			path := filepath.Join(t.TempDir(), "checkpoint")
			tr, _ = start()
			stop := tr.StepsPerEpoch()*3 + tr.StepsPerEpoch()/2
			run(t, tr, func(e Event) bool { return e.Step != nil && e.Step.Step >= stop })
			if err := tr.Save(path); err != nil {
				t.Fatal(err)
			}
			tr.Finish()
			tr, m = start()
			if err := tr.Restore(path); err != nil {
				t.Fatal(err)
			}
			run(t, tr, nil)
			tr.Finish()
			if !slices.Equal(m.Params.Values(), want) {
				t.Error("the resumed weights differ")
			}
		})
	}
}

// without turns off what makes a step depend on more than its examples.
func without(m *model.Model, c *Config) {
	m.Config.Dropout, m.Config.EmbedDropout = 0, 0
	c.Optimizer, c.Momentum, c.WeightDecay, c.Warmup, c.Schedule, c.Clip, c.ClassWeights = "sgd", 0, 0, 0, "constant", 0, "none"
}

func TestAccumulatedBatchesAreOneLargeBatch(t *testing.T) {
	weights := func(batch, accumulate int) []float32 {
		m, train, valid, _ := build(t, "mlp")
		c := config()
		without(m, &c)
		c.BatchSize, c.Accumulate, c.Epochs = batch, accumulate, 1
		tr, err := New(m, train, valid, c)
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		run(t, tr, func(e Event) bool {
			if e.Step != nil {
				steps++
			}
			return steps == 5 // before the batch that is not full
		})
		tr.Finish()
		return slices.Clone(m.Params.Values())
	}
	a, b := weights(24, 1), weights(8, 3)
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-6 {
			t.Fatalf("weight %d is %v after batches of 24, %v after three of 8", i, a[i], b[i])
		}
	}
}

// TestTheMovingAverageIsThatOfTheWeights follows the average by hand.
func TestTheMovingAverageIsThatOfTheWeights(t *testing.T) {
	m, train, valid, _ := build(t, "mlp")
	c := config()
	c.Average, c.Epochs = 0.9, 1
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, m.Params.Count())
	for i, v := range m.Params.Values() {
		want[i] = float64(v)
	}
	run(t, tr, func(e Event) bool {
		if e.Step == nil {
			return true
		}
		n := float64(e.Step.Step)
		decay := min(0.9, n/(9+n))
		for i, v := range m.Params.Values() {
			want[i] = decay*want[i] + (1-decay)*float64(v)
		}
		return false
	})
	for i, v := range tr.average {
		if math.Abs(float64(v)-want[i]) > 1e-5 {
			t.Fatalf("average of weight %d is %v, expected %v", i, v, want[i])
		}
	}
	best := tr.best
	tr.Finish()
	if !slices.Equal(m.Params.Values(), best) {
		t.Error("the model does not hold the average that was judged best")
	}
}

// TestAdversarialNoiseHasItsLengthAndGoesAway disturbs the embeddings once.
func TestAdversarialNoiseHasItsLengthAndGoesAway(t *testing.T) {
	m, train, valid, _ := build(t, "cnn")
	c := config()
	c.Adversarial = 0.25
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.pool.Close()
	tr.fillBatch()
	m.Params.ZeroGradients()
	if _, err := tr.pass(); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(m.Params.Values())
	undo := tr.disturb()
	sum, along := 0.0, 0.0
	grad := m.Params.Get("embeddings.weight")
	for i, v := range m.Params.Values() {
		sum += math.Pow(float64(v-before[i]), 2)
	}
	for i, v := range grad.Data {
		along += float64(v) * float64(grad.Grad[i])
	}
	undo()
	for i, v := range grad.Data {
		along -= float64(v) * float64(grad.Grad[i])
	}
	if math.Abs(math.Sqrt(sum)-0.25) > 1e-4 || along <= 0 {
		t.Errorf("noise of length %v, along the gradient %v", math.Sqrt(sum), along)
	}
	if !slices.Equal(m.Params.Values(), before) {
		t.Error("the noise stays")
	}
}

func TestRegressionIsScaledToItsNumbers(t *testing.T) {
	m, train, valid, queries := buildTask(t, "mlp", tasks["regression"])
	c := config()
	c.Loss, c.Metric, c.LabelSmoothing, c.ClassWeights, c.Delta = "huber", "auto", 0, "none", 1
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	run(t, tr, nil)
	tr.Finish()
	m.Params.Freeze(nn.F32)
	p, err := m.PredictQueries(context.Background(), queries[:1])
	if err != nil || p[0].Score < 80 || p[0].Score > 120 {
		t.Errorf("%v, %v", fmt.Sprint(p), err)
	}
}

func TestFewExamplesGetMoreEpochs(t *testing.T) {
	for _, c := range []struct{ minSteps, examples, epochs, patience int }{
		{0, 10, 12, 4},
		{600, 1600, 12, 4},   // 50 steps an epoch are enough
		{601, 1600, 13, 5},   // and one more step is not
		{1000, 100, 250, 84}, // 4 steps an epoch
		{50, 0, 50, 17},
	} {
		config := Config{Epochs: 12, BatchSize: 32, Patience: 4, MinSteps: c.minSteps}
		if config.Stretch(c.examples); config.Epochs != c.epochs || config.Patience != c.patience {
			t.Errorf("%+v: %d epochs, patience %d", c, config.Epochs, config.Patience)
		}
	}
}

// Which epoch is kept: the best, or the latest that is worse by no more than a standard error of its figure.
func TestKeptEpoch(t *testing.T) {
	for _, test := range []struct {
		rows    int // 0: the best is asked for
		figures []float64
		kept    []int // the epoch that is kept after each
	}{
		{0, []float64{0.5, 0.9, 0.9, 0.89}, []int{1, 2, 2, 2}},
		{100, []float64{0.5, 0.9, 0.87, 0.869, 0.9}, []int{1, 2, 3, 3, 5}}, // the error of 0.9 is 0.03
		{100, []float64{0.9, 0.87, 0.85, 0.86}, []int{1, 2, 2, 2}},         // still measured from the best one
		{10_000, []float64{0.9, 0.898, 0.896}, []int{1, 2, 2}},
		{50, []float64{1, 0.99, 1, 0}, []int{1, 1, 3, 3}},
	} {
		var s state
		for i, figure := range test.figures {
			s.keeps(i+1, figure, test.rows)
			if s.BestAt != test.kept[i] {
				t.Errorf("of %d rows %v: epoch %d is kept, want %d", test.rows, test.figures[:i+1], s.BestAt, test.kept[i])
			}
		}
	}
}
