package compress

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

var sample = []string{"房间很干净，服务好", "太脏了，不会再来", "早餐 breakfast 不错", "服务员态度差", "位置好，房间大", "又小又吵", "很满意", "失望"}

// tiny trains a small model to tell even from odd texts of sample.
func tiny(t *testing.T, family string, change ...func(*model.Config)) (*model.Model, *Work) {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values(sample), text.Config{Kind: "char", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 200}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: family, MaxTokens: 20, EmbedDim: 32, Filters: 12, Widths: []int{1, 2}, Hidden: 32, Layers: 3, Heads: 4, FeedForward: 48, Buckets: 50, Bidirectional: true, Activation: "relu", Pooling: "mean",
		NGram: model.NGrams{Tokens: 2, MinTexts: 1, CharsMin: 1, MaxFeatures: 1000, Weighting: "tfidf"}}
	for _, f := range change {
		f(&c)
	}
	m, err := model.New(c, text.CleanConfig{}, tok, []string{"bad", "good"}, 3, func(yield func(model.Example) bool) {
		for i, s := range sample {
			if e := tok.Encode(s); !yield(model.Example{Text: &e, Classes: []int32{int32(i % 2)}}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &Work{Texts: sample}
	w.Set = func(m *model.Model) *train.Set {
		set := &train.Set{}
		var e model.Sample
		for i, s := range sample {
			m.Encode(&set.Input, &e, s, "")
			set.Targets.Classes = append(set.Targets.Classes, int32(i%2))
			set.Add()
		}
		return set
	}
	w.Heal = func(ctx context.Context, m *model.Model, epochs float64, after func(step, steps int)) error {
		config := train.Config{Epochs: int(epochs) * 12, BatchSize: 8, Optimizer: "adamw", LearningRate: 0.01, Schedule: "constant", Clip: 1, Accumulate: 1, Loss: "auto", ClassWeights: "none", Metric: "auto", Seed: 1, Threads: 1, Precision: "f32", Freeze: "none", LayerDecay: 1, HeadRate: 1, Checkpoint: 60}
		if m.Linear() != nil {
			config.Optimizer, config.Cost = "dual", 1
		}
		tr, err := train.New(m, w.Set(m), &train.Set{}, config)
		if err != nil {
			return err
		}
		if after != nil {
			after(0, config.Epochs)
		}
		for event, err := range tr.Run(ctx) {
			if err != nil {
				return err
			}
			if event.Step != nil && after != nil {
				after(event.Step.Step, event.Step.Steps)
			}
		}
		tr.Finish()
		m.Params.Freeze(m.Precision())
		return nil
	}
	if err := w.Heal(context.Background(), m, 3, nil); err != nil {
		t.Fatal(err)
	}
	w.Student = func(_ context.Context, family string) (*model.Model, error) {
		m, _ := tiny(t, family, func(c *model.Config) { c.Hidden = 80 })
		return m, nil
	}
	return m, w
}

func right(t *testing.T, m *model.Model) int {
	t.Helper()
	p, err := m.Predict(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range p {
		if p[i].Class == i%2 {
			n++
		}
	}
	return n
}

// Every move makes a model that is smaller in what the move is about, that still knows what it learnt, and that is the same
// once it was saved and opened.
func TestEveryMoveMakesAModel(t *testing.T) {
	families := map[string][]string{
		"transformer": {"heads=2,heal=1", "feed_forward=24,heal=1", "layers=2,heal=1", "heads=2,feed_forward=20,layers=2,heal=1,int8", "vocabulary=30,heal=1", "sparsity=0.6", "qat8=1", "qat4=1", "rank=0.3", "int4", "share=1", "share=2,int8", "share_first=2", "minmax8", "percentile8=99.9", "entropy8,qat8=1", "student=ngram,grams=30,int8", "student=gru,units=20"},
		"cnn":         {"units=6,heal=1", "sparsity=0.5,int8", "qat8=1"},
		"static":      {"minmax8"},
		"mlp":         {"units=16,heal=1", "rank=0.3"},
		"lstm":        {"units=16,heal=1", "int8"},
		"gru":         {"units=20,heal=1"},
		"rnn":         {"units=20,heal=1"},
		"ngram":       {"grams=30", "grams8=30,int8,pack", "vocabulary=30"},
		"fasttext":    {"vocabulary=30,heal=1", "int8"},
	}
	for family, lists := range families {
		m, w := tiny(t, family)
		before, params := right(t, m), m.Parameters()
		for _, list := range lists {
			moves, err := Parse(list)
			if err != nil {
				t.Fatal(err)
			}
			small := m
			for _, move := range moves {
				if small, err = move.Apply(context.Background(), small, w); err != nil {
					t.Fatalf("%s, %s: %v", family, move, err)
				}
			}
			if right(t, m) != before || m.Parameters() != params {
				t.Errorf("%s, %s: the original has changed", family, list)
			}
			if got := right(t, small); got < before-2 {
				t.Errorf("%s, %s: %d of %d are right, %d were", family, list, got, len(sample), before)
			}
			dir := filepath.Join(t.TempDir(), "m")
			if _, err := small.Save(dir, nil); err != nil {
				t.Fatalf("%s, %s: %v", family, list, err)
			}
			opened, err := model.Open(dir)
			if err != nil {
				t.Fatalf("%s, %s: %v", family, list, err)
			}
			a, _ := small.Predict(context.Background(), sample)
			b, err := opened.Predict(context.Background(), sample)
			if err != nil {
				t.Fatal(err)
			}
			for i := range a {
				if d := math.Abs(float64(a[i].Probability - b[i].Probability)); d > 1e-5 {
					t.Errorf("%s, %s: opened, it says %v, and %v before", family, list, b[i].Probability, a[i].Probability)
				}
			}
			cuts := slices.ContainsFunc([]string{"heads", "feed_forward", "layers", "units", "vocabulary", "grams", "share"}, func(name string) bool { return strings.HasPrefix(list, name) })
			if cuts && small.Parameters() >= params && !(family == "ngram" && strings.HasPrefix(list, "voc")) {
				t.Errorf("%s, %s: %d parameters, %d before", family, list, small.Parameters(), params)
			}
			opened.Package.Close()
		}
	}
}

// What is taken out is what says nothing: a network with a head, neurons and a layer that are zero says the same without.
func TestSilentPartsAreTakenOutWithoutATrace(t *testing.T) {
	m, w := tiny(t, "transformer")
	dead := func(name string, columns []int) {
		p := m.Params.Get(name)
		for r := range p.Shape[0] {
			for _, c := range columns {
				p.Data[r*p.Width()+c] = 0
			}
		}
	}
	for _, l := range []string{"0", "1", "2"} {
		dead("layers."+l+".out.weight", []int{8, 9, 10, 11, 12, 13, 14, 15}) // the second of four heads
		dead("layers."+l+".down.weight", []int{0, 7, 20})
	}
	for i := range 48 {
		dead("layers.1.down.weight", []int{i})
	}
	for i := range 32 {
		dead("layers.1.out.weight", []int{i})
	}
	clear(m.Params.Get("layers.1.out.bias").Data)
	clear(m.Params.Get("layers.1.down.bias").Data)
	m.Params.Freeze(0)
	want, err := m.Predict(context.Background(), sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, without := range []*Work{w, {}} {
		for _, list := range []string{"heads=3", "feed_forward=45", "layers=2"} {
			if list == "layers=2" && without.Set == nil {
				continue // chosen by place
			}
			moves, _ := Parse(list)
			small, err := moves[0].Apply(context.Background(), m, without)
			if err != nil {
				t.Fatal(err)
			}
			got, err := small.Predict(context.Background(), sample)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if d := math.Abs(float64(want[i].Probabilities[1] - got[i].Probabilities[1])); d > 1e-5 {
					t.Errorf("%s: %v, want %v", list, got[i].Probabilities, want[i].Probabilities)
				}
			}
		}
	}
}

func TestSparsityRisesAlongACubic(t *testing.T) {
	s := sparsity(0.8)
	for done, want := range map[float64]float64{0: 0, 1.0 / 3: 0.8 * (1 - 0.125), 2.0 / 3: 0.8, 1: 0.8} {
		if got := s.at(done); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v: %v, want %v", done, got, want)
		}
	}
	m, w := tiny(t, "mlp")
	small, err := s.Apply(context.Background(), m, w)
	if err != nil {
		t.Fatal(err)
	}
	p := small.Params.Get("layers.1.weight")
	zeros := 0
	for _, v := range p.Floats() {
		if v == 0 {
			zeros++
		}
	}
	if share := float64(zeros) / float64(p.Size()); share < 0.79 || p.Stored.Kind() != quant.Sparse {
		t.Errorf("%.2f of a matrix is zero, kept as %s", share, p.Stored.Kind())
	}
}

func TestWrongMovesAreRefused(t *testing.T) {
	for _, list := range []string{"", "int9", "heads", "heads=0", "heads=-1", "rank=1", "rank=0", "sparsity=2", "int8=1", "grams=1e99", "heads=NaN", "percentile8", "percentile8=30", "percentile8=101", "minmax8=2"} {
		if _, err := Parse(list); err == nil {
			t.Errorf("%q was read", list)
		}
	}
	m, w := tiny(t, "mlp")
	for _, list := range []string{"heads=1", "layers=1", "units=32", "grams=3", "share=1"} {
		moves, err := Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := moves[0].Apply(context.Background(), m, w); err == nil {
			t.Errorf("%s was done to an mlp", list)
		}
	}
	for _, list := range []string{"vocabulary=3", "sparsity=0.5", "qat8=1", "heal=1", "distill=1", "minmax8", "student=cnn"} {
		moves, _ := Parse(list)
		if _, err := moves[0].Apply(context.Background(), m, &Work{}); err == nil || !strings.Contains(err.Error(), "needs examples") {
			t.Errorf("%s without examples: %v", list, err)
		}
	}
}
