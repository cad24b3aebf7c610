package train

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// A task is made of the sentences of the class task: what is to be said of one follows from its words.
type task struct {
	head   string
	crf    bool
	pair   bool
	labels []string
	truth  func(y *model.Targets, s string, e *text.Encoding)
	least  float64 // of MainMetric
}

// qualities are the labels of good and bad words, and the number that each is worth.
func qualities(s string, each func(at int, word string, worth float32)) {
	for worth, words := range map[float32][]string{1: good, -1: bad} {
		for _, w := range words {
			for at := 0; ; {
				i := strings.Index(s[at:], w)
				if i < 0 {
					break
				}
				each(at+i, w, worth)
				at += i + len(w)
			}
		}
	}
}

var tasks = map[string]task{
	"multilabel": {head: model.MultiLabelHead, labels: []string{"room", "service", "good"}, least: 0.95, truth: func(y *model.Targets, s string, _ *text.Encoding) {
		labels := []int32{}
		for i, w := range []string{"房间", "服务"} {
			if strings.Contains(s, w) {
				labels = append(labels, int32(i))
			}
		}
		qualities(s, func(_ int, _ string, worth float32) {
			if worth > 0 && !slices.Contains(labels, 2) {
				labels = append(labels, 2)
			}
		})
		y.Labels.Append(labels)
	}},
	"regression": {head: model.RegressionHead, labels: []string{"score"}, least: 0.8, truth: func(y *model.Targets, s string, _ *text.Encoding) {
		score := float32(100)
		qualities(s, func(_ int, _ string, worth float32) { score += 7 * worth })
		y.Scores = append(y.Scores, score)
	}},
	"tokens with a CRF":    {head: model.TokensHead, crf: true, labels: model.TagNames([]string{"BAD", "GOOD"}), least: 0.95, truth: tagWords},
	"tokens without a CRF": {head: model.TokensHead, labels: model.TagNames([]string{"BAD", "GOOD"}), least: 0.95, truth: tagWords},
	"pairs": {head: model.ClassHead, pair: true, labels: []string{"not better", "better"}, least: 0.95, truth: func(y *model.Targets, s string, _ *text.Encoding) {
		a, b, _ := strings.Cut(s, "|")
		difference := float32(0)
		qualities(a, func(_ int, _ string, worth float32) { difference += worth })
		qualities(b, func(_ int, _ string, worth float32) { difference -= worth })
		class := int32(0)
		if difference > 0 {
			class = 1
		}
		y.Classes = append(y.Classes, class)
	}},
}

func tagWords(y *model.Targets, s string, e *text.Encoding) {
	var spans []model.TagSpan
	qualities(s, func(at int, word string, worth float32) {
		kind := 0
		if worth > 0 {
			kind = 1
		}
		spans = append(spans, model.TagSpan{From: at, To: at + len(word), Type: kind})
	})
	y.Tags.Append(model.TagsOf(nil, e.Spans, spans))
}

// buildTask is build for any task.
func buildTask(t testing.TB, family string, k task) (m *model.Model, train, valid *Set, queries []model.Query) {
	t.Helper()
	texts, _ := sentences(480, 1)
	tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range texts {
		q := model.Query{Text: s}
		if k.pair {
			q.Pair = texts[(i*7+3)%len(texts)]
		}
		queries = append(queries, q)
	}
	c := model.Config{Family: family, Head: k.head, CRF: k.crf, Pair: k.pair, MaxTokens: 64, EmbedDim: 12, EmbedDropout: 0.1, Filters: 8, Widths: []int{1, 2}, Hidden: 12, Layers: 1, Heads: 2,
		Buckets: 500, Bidirectional: true, Activation: "relu", Pooling: "max", Dropout: 0.1, Features: model.Features{Dim: 4, Chars: 6, Buckets: 300},
		NGram: model.NGrams{Tokens: 2, CharsMin: 2, CharsMax: 3, MinTexts: 1, MaxFeatures: 5000, Weighting: "binary"}}
	m, err = model.New(c, text.CleanConfig{}, tok, k.labels, 7, func(yield func(model.Example) bool) {
		for _, q := range queries {
			a, b := tok.Encode(q.Text), tok.Encode(q.Pair)
			if !yield(model.Example{Text: &a, Pair: &b}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	train, valid = &Set{}, &Set{}
	var e model.Sample
	for i, q := range queries {
		set := train
		if i%4 == 0 {
			set = valid
		}
		m.EncodeAligned(&set.Input, &e, q.Text, q.Pair)
		s := q.Text
		if k.pair {
			s += "|" + q.Pair
		}
		k.truth(&set.Targets, s, &e.Text)
		set.Add()
	}
	return m, train, valid, queries
}

// TestEveryHeadLearnsOnEveryFamily trains each pair of them on an easy task, judges it on rows that it has not seen, and
// has the saved model say the same, in batches and one by one.
func TestEveryHeadLearnsOnEveryFamily(t *testing.T) {
	for name, k := range tasks {
		for _, family := range model.Families() {
			if k.head == model.TokensHead && !slices.Contains(model.TokenFamilies(), family) {
				continue
			}
			if testing.Short() && !slices.Contains([]string{"ngram", "cnn", "gru"}, family) {
				continue
			}
			t.Run(name+" "+family, func(t *testing.T) {
				m, train, valid, queries := buildTask(t, family, k)
				c := config()
				c.Loss, c.ClassWeights, c.LabelSmoothing, c.Metric = "auto", "none", 0, "auto"
				if family == "ngram" {
					c.LearningRate = 0.1
				}
				tr, err := New(m, train, valid, c)
				if err != nil {
					t.Fatal(err)
				}
				best := finish(t, tr)
				if best < k.least {
					t.Errorf("%s %.3f", MainMetric(k.head, true), best)
				}
				m.Params.Freeze(nn.F32)
				survives(t, m, queries)
			})
		}
	}
}

// survives compares what m says with what it says after a way through its package, in a batch and alone.
func survives(t *testing.T, m *model.Model, queries []model.Query) {
	t.Helper()
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	want, err := m.PredictQueries(ctx, queries)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.PredictQueries(ctx, queries)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range queries[:60] {
		alone, err := again.PredictQueries(ctx, []model.Query{q})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []model.Prediction{got[i], alone[0]} {
			if err := same(want[i], p); err != nil {
				t.Fatalf("%q: %v", q, err)
			}
		}
	}
}

// same compares predictions up to the rounding of sums that batches of other sizes order otherwise.
func same(a, b model.Prediction) error {
	if len(a.Probabilities) != len(b.Probabilities) || !slices.Equal(a.Tags, b.Tags) || !slices.Equal(a.Labels, b.Labels) {
		return fmt.Errorf("%+v, was %+v", b, a)
	}
	for i, p := range a.Probabilities {
		if math.Abs(float64(p-b.Probabilities[i])) > 1e-5 {
			return fmt.Errorf("probabilities %v, were %v", b.Probabilities, a.Probabilities)
		}
	}
	if math.Abs(a.Score-b.Score) > 1e-3 {
		return fmt.Errorf("score %v, was %v", b.Score, a.Score)
	}
	for i := range a.Entities {
		x, y := a.Entities[i], b.Entities[i]
		x.Probability, y.Probability = 0, 0
		if !reflect.DeepEqual(x, y) {
			return fmt.Errorf("entity %+v, was %+v", y, x)
		}
	}
	return nil
}
