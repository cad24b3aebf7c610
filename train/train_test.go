package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func TestOptimizersFollowPyTorch(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		rate   float64
	}{
		"opt_adam":         {Config{Optimizer: "adam"}, 0.01},
		"opt_adamw":        {Config{Optimizer: "adamw", WeightDecay: 0.05}, 0.01},
		"opt_sgd_momentum": {Config{Optimizer: "sgd", Momentum: 0.9, WeightDecay: 0.01}, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			g := golden.Open(t, name)
			start, shape := g.Floats("p.start")
			grads, _ := g.Floats("in.grads")
			want, _ := g.Floats("out.trajectory")
			var ps nn.Params
			p := ps.Add("p", nn.Zeros, shape...)
			ps.Allocate(1)
			copy(p.Data, start)
			ps.AllocateGradients()
			o := NewOptimizer(c.config, &ps)
			n := len(start)
			for step := range len(grads) / n {
				copy(p.Grad, grads[step*n:])
				o.Step(nil, step, c.rate)
				golden.Close(t, fmt.Sprint("step ", step+1), p.Data, want[step*n:(step+1)*n], 1e-5)
			}
		})
	}
}

func TestClippingFollowsPyTorch(t *testing.T) {
	g := golden.Open(t, "clip_grad_norm")
	var ps nn.Params
	var params []*nn.Param
	for _, name := range []string{"a", "b"} {
		_, shape := g.Floats("in." + name)
		params = append(params, ps.Add(name, nn.Zeros, shape...))
	}
	ps.Allocate(1)
	ps.AllocateGradients()
	for _, p := range params {
		data, _ := g.Floats("in." + p.Name)
		copy(p.Grad, data)
	}
	var all pieces
	all.collect(&ps)
	norm := all.norm(nil)
	all.clip(nil, norm, 1)
	want, _ := g.Floats("out.norm")
	golden.Close(t, "norm", []float32{float32(norm)}, want, 1e-5)
	for _, p := range params {
		want, _ := g.Floats("out." + p.Name)
		golden.Close(t, p.Name, p.Grad, want, 1e-5)
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		schedule string
		warmup   float64
		want     [5]float64 // at steps 0, 9, 10, 55, 99 of 100
	}{
		{"constant", 0, [5]float64{1, 1, 1, 1, 1}},
		{"constant", 0.1, [5]float64{0.1, 1, 1, 1, 1}},
		{"linear", 0.1, [5]float64{0.1, 1, 1, 0.5, 1.0 / 90}},
		{"cosine", 0.1, [5]float64{0.1, 1, 1, 0.5, 0.5 * (1 + math.Cos(math.Pi*89/90))}},
	} {
		config := Config{LearningRate: 1, Schedule: c.schedule, Warmup: c.warmup}
		for i, step := range []int{0, 9, 10, 55, 99} {
			if got := config.Rate(step, 100); math.Abs(got-c.want[i]) > 1e-9 {
				t.Errorf("%s: rate of step %d is %v, want %v", c.schedule, step, got, c.want[i])
			}
		}
	}
}

func TestBalancedWeightsCountRareClassesMore(t *testing.T) {
	c := Config{ClassWeights: "balanced"}
	if got := c.classWeights([]int32{0, 0, 0, 1}, 2); got[0] != 4.0/6 || got[1] != 2 {
		t.Errorf("weights %v", got)
	}
	c.ClassWeights = "none"
	if c.classWeights([]int32{0, 1}, 2) != nil {
		t.Error("none must give no weights")
	}
}

func TestEpochsShuffleDifferently(t *testing.T) {
	a, b := permutation(nil, 100, 1, 0), permutation(nil, 100, 1, 1)
	if slices.Equal(a, b) || slices.Equal(a, permutation(nil, 100, 2, 0)) || !slices.Equal(a, permutation(nil, 100, 1, 0)) {
		t.Error("the order must follow from seed and epoch")
	}
	slices.Sort(a)
	for i, v := range a {
		if int(v) != i {
			t.Fatalf("%d is missing", i)
		}
	}
}

// Words that tell the classes apart, and words that do not.
var (
	good    = []string{"很好", "干净", "喜欢", "棒"}
	bad     = []string{"太差", "脏", "讨厌", "糟"}
	neutral = []string{"房间", "服务", "酒店", "早餐", "位置", "的", "，"}
)

func sentences(n int, seed uint64) (texts []string, targets []int32) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		class := rng.IntN(2)
		var b strings.Builder
		for range 2 + rng.IntN(6) {
			b.WriteString(neutral[rng.IntN(len(neutral))])
		}
		b.WriteString([][]string{bad, good}[class][rng.IntN(4)])
		for range rng.IntN(3) {
			b.WriteString(neutral[rng.IntN(len(neutral))])
		}
		texts, targets = append(texts, b.String()), append(targets, int32(class))
	}
	return texts, targets
}

// build returns a small model of a family, with +wide beside n-grams, and its data.
func build(t testing.TB, family string) (m *model.Model, train, valid *Set, texts []string) {
	t.Helper()
	return buildHead(t, family, model.ClassHead)
}

// characterModel is a fresh model that reads the characters of these texts, each of which has a class.
func characterModel(t testing.TB, c model.Config, labels, texts []string, classes []int32) *model.Model {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(c, text.CleanConfig{}, tok, labels, 7, func(yield func(model.Example) bool) {
		for i, s := range texts {
			if e := tok.Encode(s); !yield(model.Example{Text: &e, Classes: classes[i : i+1]}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func buildHead(t testing.TB, family, head string) (m *model.Model, train, valid *Set, texts []string) {
	t.Helper()
	labels := []string{"差", "好"}
	if head == model.RegressionHead {
		labels = []string{"score"}
	}
	texts, targets := sentences(400, 1)
	family, wide := strings.CutSuffix(family, "+wide")
	c := model.Config{Family: family, Wide: wide, Head: head, MaxTokens: 64, EmbedDim: 12, EmbedDropout: 0.1, Filters: 8, Widths: []int{1, 2}, Hidden: 10, Layers: 1, Heads: 2, Buckets: 500, Bidirectional: true,
		Activation: "relu", Pooling: "max", Dropout: 0.2, NGram: model.NGrams{Tokens: 2, CharsMin: 2, CharsMax: 3, MinTexts: 1, MaxFeatures: 5000, Weighting: "nb"}}
	m = characterModel(t, c, labels, texts, targets)
	train, valid = &Set{}, &Set{}
	var e model.Sample
	for i, s := range texts {
		set := train
		if i%4 == 0 {
			set = valid
		}
		m.Encode(&set.Input, &e, s, "")
		switch head {
		case model.MultiLabelHead:
			set.Targets.Labels.Append(targets[i : i+1])
		case model.RegressionHead:
			set.Targets.Scores = append(set.Targets.Scores, float32(targets[i]))
		default:
			set.Targets.Classes = append(set.Targets.Classes, targets[i])
		}
		set.Add()
	}
	return m, train, valid, texts
}

func config() Config {
	return Config{Epochs: 12, BatchSize: 8, Optimizer: "adamw", LearningRate: 0.02, Cost: 0.5, WeightDecay: 0.01, Schedule: "linear", Warmup: 0.1, Clip: 1,
		Loss: "cross_entropy", LabelSmoothing: 0.05, ClassWeights: "balanced", Metric: "accuracy", Patience: 0, Seed: 3, Threads: 2}
}

// run trains to the end, or until stop says so, and returns the weights.
func run(t testing.TB, tr *Trainer, stop func(e Event) bool) {
	t.Helper()
	for e, err := range tr.Run(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if stop != nil && stop(e) {
			return
		}
	}
}

// finish trains to the end and returns the best figure on the validation part.
func finish(t testing.TB, tr *Trainer) float64 {
	t.Helper()
	best := 0.0
	run(t, tr, func(e Event) bool {
		if e.Epoch != nil {
			best = max(best, e.Epoch.Valid.Main)
		}
		return false
	})
	tr.Finish()
	return best
}

// TestEveryFamilyLearnsAndSurvivesItsPackage is the one test that each family must pass: a few examples to a high
// accuracy, and then the saved model predicts the same, one by one and in batches.
func TestEveryFamilyLearnsAndSurvivesItsPackage(t *testing.T) {
	for _, family := range append(model.Families(), "gru+wide") {
		for _, loss := range []string{"cross_entropy", "hinge"} {
			t.Run(family+" "+loss, func(t *testing.T) {
				m, train, valid, texts := build(t, family)
				c := config()
				c.Loss = loss
				if family == "ngram" { // single weights, of which each text moves few
					c.LearningRate = 0.1
				}
				tr, err := New(m, train, valid, c)
				if err != nil {
					t.Fatal(err)
				}
				best := finish(t, tr)
				if best < 0.95 {
					t.Errorf("validation accuracy %.3f", best)
				}
				m.Params.Freeze(nn.F32)
				want, err := m.Predict(context.Background(), texts)
				if err != nil {
					t.Fatal(err)
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
				got, err := again.Predict(context.Background(), texts)
				if err != nil {
					t.Fatal(err)
				}
				for i, s := range texts {
					single, err := again.Predict(context.Background(), []string{s})
					if err != nil {
						t.Fatal(err)
					}
					for j := range want[i].Probabilities {
						w := want[i].Probabilities[j]
						if math.Abs(float64(got[i].Probabilities[j]-w)) > 1e-6 || math.Abs(float64(single[0].Probabilities[j]-w)) > 1e-5 {
							t.Fatalf("%q: %v after loading, %v alone, %v before", s, got[i], single[0], want[i])
						}
					}
				}
			})
		}
	}
}

func TestResumingAnywhereGivesTheSameWeightsToTheBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 5))
	for _, family := range []string{"cnn", "gru", "ngram", "mlp+wide"} {
		for _, optimizer := range []string{"adamw", "sgd"} {
			t.Run(family+" "+optimizer, func(t *testing.T) {
				c := config()
				c.Epochs, c.Optimizer = 4, optimizer
				c.LearningRate = 0.01
				m, train, valid, _ := build(t, family)
				tr, err := New(m, train, valid, c)
				if err != nil {
					t.Fatal(err)
				}
				total := tr.StepsPerEpoch() * c.Epochs
				run(t, tr, nil)
				tr.Finish()
				want := slices.Clone(m.Params.Values())
				for range 3 {
					stops := []int{1 + rng.IntN(total-1), 1 + rng.IntN(total-1)}
					slices.Sort(stops)
					path := filepath.Join(t.TempDir(), "checkpoint")
					for i, at := range append(stops, total+1) {
						m, train, valid, _ = build(t, family) // as a new process would
						if tr, err = New(m, train, valid, c); err != nil {
							t.Fatal(err)
						}
						if i > 0 {
							if err := tr.Restore(path); err != nil {
								t.Fatal(err)
							}
						}
						run(t, tr, func(e Event) bool { return e.Step != nil && e.Step.Step >= at })
						if err := tr.Save(path); err != nil {
							t.Fatal(err)
						}
					}
					tr.Finish()
					if !slices.Equal(m.Params.Values(), want) {
						t.Fatalf("stopped after steps %v, the weights differ", stops)
					}
				}
			})
		}
	}
}

func TestACheckpointOfAnotherTrainingIsRefused(t *testing.T) {
	m, train, valid, _ := build(t, "mlp")
	tr, err := New(m, train, valid, config())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	c := config()
	c.LearningRate *= 2
	m, train, valid, _ = build(t, "mlp")
	other, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Restore(path); !errors.Is(err, ErrOtherTraining) || hint.Way(err) == "" {
		t.Errorf("another learning rate: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(data)
	if err := tr.Restore(path); err == nil {
		t.Error("half a checkpoint was accepted")
	}
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a failed restore changed the training")
	}
}

func TestPatienceEndsTheTrainingAndTheBestEpochStays(t *testing.T) {
	m, train, valid, _ := build(t, "cnn")
	c := config()
	c.Epochs, c.Patience = 50, 2
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	var epochs []*Epoch
	run(t, tr, func(e Event) bool {
		if e.Epoch != nil {
			epochs = append(epochs, e.Epoch)
		}
		return false
	})
	tape := nn.NewTape(nil)
	tr.Finish()
	scores, _, err := Evaluate(context.Background(), m, valid, tape)
	if err != nil {
		t.Fatal(err)
	}
	best := 0.0
	for _, e := range epochs {
		best = max(best, e.Valid.Main)
	}
	if len(epochs) == 50 || !epochs[len(epochs)-1].Stopped || scores.Main != best {
		t.Errorf("%d epochs, accuracy %v, best %v", len(epochs), scores.Main, best)
	}
}

func TestDivergenceIsNamed(t *testing.T) {
	m, train, valid, _ := build(t, "mlp")
	c := config()
	c.Optimizer, c.LearningRate, c.Clip = "sgd", 1e30, 0
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range tr.Run(context.Background()) {
		if err != nil {
			if !errors.Is(err, ErrDiverged) || !strings.Contains(hint.Way(err), "learning_rate") {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
			return
		}
	}
	t.Error("the training did not diverge")
}

func TestWithoutValidationTheLastWeightsCount(t *testing.T) {
	m, train, _, _ := build(t, "mlp")
	tr, err := New(m, train, &Set{}, config())
	if err != nil {
		t.Fatal(err)
	}
	run(t, tr, nil)
	last := slices.Clone(m.Params.Values())
	tr.Finish()
	if !slices.Equal(last, m.Params.Values()) {
		t.Error("Finish changed the weights")
	}
	if _, err := New(m, &Set{}, &Set{}, config()); err == nil || hint.Way(err) == "" {
		t.Errorf("no examples: %v", err)
	}
}

// Shared layers and a factorised embedding leave fewer weights, which learn as well and are saved once.
func TestTransformersThatShareLayersLearn(t *testing.T) {
	plain, _, _, _ := build(t, "transformer")
	m, train, valid, texts := build(t, "transformer")
	c := m.Config
	c.ShareLayers, c.Layers, c.EmbedDim, c.Hidden = true, 3, 6, 10
	m, err := model.New(c, m.Clean, m.Tokenizer, m.Labels, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Params.Count() >= plain.Params.Count() {
		t.Errorf("%d weights, one layer without a factorised embedding has %d", m.Params.Count(), plain.Params.Count())
	}
	tr, err := New(m, train, valid, config())
	if err != nil {
		t.Fatal(err)
	}
	run(t, tr, nil)
	tr.Finish()
	m.Params.Freeze(nn.F32)
	s, _, err := Evaluate(context.Background(), m, valid, nn.NewTape(nil))
	if err != nil || s.Main < 0.9 {
		t.Errorf("%+v, %v", s, err)
	}
	p, err := m.Save(filepath.Join(t.TempDir(), "shared"), nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := model.Open(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Package.Close()
	a, err := m.Predict(context.Background(), texts[:20])
	if err != nil {
		t.Fatal(err)
	}
	b, err := back.Predict(context.Background(), texts[:20])
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("the saved model predicts otherwise, %v", err)
	}
}
