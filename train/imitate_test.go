package train

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// mentor builds a transformer with other widths and heads than the student's, which reads the same tokens.
func mentor(t *testing.T, student *model.Model) *model.Model {
	t.Helper()
	c := student.Config
	c.Hidden, c.Heads, c.Layers, c.EmbedDim, c.Dropout, c.EmbedDropout = 24, 6, 2, 16, 0, 0
	m, err := model.New(c, student.Clean, student.Tokenizer, student.Labels, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// imitator is a training in which labels do not count, and the inside of a teacher does.
func imitator(t *testing.T, change func(i *Imitation)) (*Trainer, *model.Model, *Imitation) {
	t.Helper()
	m, train, valid, _ := build(t, "transformer")
	m.Config.Dropout, m.Config.EmbedDropout = 0, 0
	m.Layered().Dropout = 0
	im := &Imitation{Teacher: mentor(t, m), Digest: "sha256:1"}
	change(im)
	y := &train.Targets
	y.Weights, y.Soft, y.SoftWeights = make(nn.Weights, train.Len()), make([]float32, 2*train.Len()), make(nn.Weights, train.Len())
	if im.Vectors > 0 {
		for i := range train.Len() {
			y.Vectors = append(y.Vectors, float32(y.Classes[i]), 1-float32(y.Classes[i]), 0.5)
		}
	}
	c := config()
	c.Loss, c.ClassWeights, c.LabelSmoothing, c.Epochs, c.Metric, c.Threads, c.Imitation = "auto", "none", 0, 6, "loss", 1, im
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	return tr, m, im
}

// What is to be imitated comes nearer: the loss, which is nothing else here, falls to a fraction.
func TestAStudentBecomesLikeItsTeacherInside(t *testing.T) {
	for name, c := range map[string]struct {
		change func(i *Imitation)
		falls  float64
	}{
		"relations":        {func(i *Imitation) { i.Relations = 1 }, 0.6},
		"relations, heads": {func(i *Imitation) { i.Relations, i.Heads = 1, 2 }, 0.6},
		"hidden":           {func(i *Imitation) { i.Hidden = 1 }, 0.5},
		"hidden, named":    {func(i *Imitation) { i.Hidden, i.Layers = 1, []int{1} }, 0.5},
		"vectors, cosine":  {func(i *Imitation) { i.Vectors, i.Cosine = 1, true }, 0.2},
		"vectors, squares": {func(i *Imitation) { i.Vectors = 1 }, 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			tr, m, _ := imitator(t, c.change)
			var first, last float64
			run(t, tr, func(e Event) bool {
				if e.Epoch != nil {
					if first == 0 {
						first = e.Epoch.TrainLoss
					}
					last = e.Epoch.TrainLoss
				}
				return false
			})
			tr.Finish()
			if last > c.falls*first || last <= 0 {
				t.Errorf("the loss is %.4f, was %.4f in the first epoch", last, first)
			}
			for _, p := range m.Params.All() {
				if strings.HasPrefix(p.Name, "imitation.") {
					t.Errorf("%s is still there", p.Name)
				}
			}
		})
	}
}

// The gradient of each parameter, projections included, is that of the whole loss.
func TestGradientsOfAnImitationMatchFiniteDifferences(t *testing.T) {
	tr, m, _ := imitator(t, func(i *Imitation) { i.Relations, i.Hidden, i.Vectors = 1, 0.7, 0.5 })
	defer tr.pool.Close()
	tr.fillBatch()
	loss := func() float64 {
		m.Params.ZeroGradients()
		value, err := tr.gradients()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	loss()
	gradients := map[string][]float32{}
	for _, p := range m.Params.All() {
		gradients[p.Name] = slices.Clone(p.Gradient())
	}
	checked := 0
	for _, p := range m.Params.All() {
		g := gradients[p.Name]
		size := math.Sqrt(sumSquares(g))
		if size < 1e-3 {
			continue
		}
		before := slices.Clone(p.Data)
		move := func(by float64) float64 {
			for i, v := range g {
				p.Data[i] = before[i] + float32(by*float64(v)/size)
			}
			return loss()
		}
		const by = 3e-3
		slope := (move(by) - move(-by)) / (2 * by)
		copy(p.Data, before)
		if math.Abs(slope-size) > 0.02*size+1e-3 {
			t.Errorf("%s: the loss changes by %g, its gradient says %g", p.Name, slope, size)
		}
		checked++
	}
	if gradients["imitation.hidden.weight"] == nil || gradients["imitation.text.weight"] == nil || checked < 12 {
		t.Errorf("%d parameters were checked", checked)
	}
}

func sumSquares(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func TestAnImitationResumesToTheSameWeights(t *testing.T) {
	all := func(i *Imitation) { i.Relations, i.Hidden, i.Vectors = 1, 1, 1 }
	whole, m, _ := imitator(t, all)
	finish(t, whole)
	want := weights(m)
	first, _, _ := imitator(t, all)
	path := filepath.Join(t.TempDir(), "checkpoint")
	run(t, first, func(e Event) bool { return e.Step != nil && e.Step.Step == 41 })
	if err := first.Save(path); err != nil {
		t.Fatal(err)
	}
	first.Finish()
	second, m, _ := imitator(t, all)
	if err := second.Restore(path); err != nil {
		t.Fatal(err)
	}
	finish(t, second)
	if !slices.Equal(weights(m), want) {
		t.Error("the weights differ")
	}
	other, _, _ := imitator(t, func(i *Imitation) { all(i); i.Hidden = 2 })
	defer other.pool.Close()
	if err := other.Restore(path); err == nil {
		t.Error("a checkpoint of another imitation is taken")
	}
}

// A teacher that reads special tokens around a text is looked at where its student's tokens are.
func TestSpecialTokensOfTheTeacherAloneArePassedOver(t *testing.T) {
	m, train, _, _ := build(t, "transformer")
	im := &imitating{Imitation: &Imitation{Teacher: mentor(t, m)}, heads: 1, pairs: []int{0, 2}, before: []int32{3, 4}, after: []int32{5}}
	im.tape, im.kept.States = nn.NewTape(nil), new(encoder.States)
	im.input.Keep = &im.kept
	var batch model.Input
	for i := range 3 {
		m.AppendExample(&batch, &train.Input, i)
	}
	im.look(&batch)
	n := batch.Tokens.Tokens()
	if im.input.Tokens.Tokens() != n+9 || len(im.states[0]) != 24*n || len(im.qkv) != 72*n {
		t.Fatalf("%d tokens of the teacher, %d numbers for %d of the student", im.input.Tokens.Tokens(), len(im.states[0]), n)
	}
	row := len(batch.Tokens.Sequence(0)) // the second text's first token
	at := int(im.input.Tokens.Offsets[1]) + 2
	if im.input.Tokens.IDs[at] != batch.Tokens.Sequence(1)[0] || !slices.Equal(im.states[1][24*row:24*row+24], im.kept.States.Layers[2].Row(at)) {
		t.Error("rows of other tokens were taken")
	}
}

func TestWhatCannotBeImitatedIsRefused(t *testing.T) {
	for want, c := range map[string]struct {
		family string
		change func(i *Imitation, m *model.Model)
	}{
		"the family cnn has no transformer layers": {"cnn", func(i *Imitation, _ *model.Model) { i.Hidden = 1 }},
		"the family ngram has no states":           {"ngram", func(i *Imitation, _ *model.Model) { i.Vectors = 1 }},
		"7 parts of":                               {"transformer", func(i *Imitation, _ *model.Model) { i.Relations, i.Heads = 1, 7 }},
		"2 layers of the teacher for":              {"transformer", func(i *Imitation, _ *model.Model) { i.Hidden, i.Layers = 1, []int{1, 2} }},
		"the teacher has no layer 9":               {"transformer", func(i *Imitation, _ *model.Model) { i.Hidden, i.Layers = 1, []int{9} }},
		"reads 64 tokens of a text, its teacher":   {"transformer", func(i *Imitation, _ *model.Model) { i.Hidden, i.Teacher.Config.MaxTokens = 1, 63 }},
		"does not read the tokens": {"transformer", func(i *Imitation, m *model.Model) {
			tok, err := text.Train(t.Context(), slices.Values([]string{"其他"}), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 100}, nil)
			if err != nil {
				t.Fatal(err)
			}
			i.Relations, i.Teacher.Tokenizer = 1, tok
		}},
		"vectors of texts are compared where": {"transformer", func(i *Imitation, _ *model.Model) { i.Vectors = 1 }},
	} {
		t.Run(want, func(t *testing.T) {
			m, train, valid, _ := build(t, c.family)
			like, _, _, _ := build(t, "transformer")
			im := &Imitation{Teacher: mentor(t, like)}
			c.change(im, m)
			set := config()
			set.Imitation = im
			_, err := New(m, train, valid, set)
			if err == nil || !strings.Contains(fmt.Sprint(err), want) || hint.Way(err) == "" {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
		})
	}
}
