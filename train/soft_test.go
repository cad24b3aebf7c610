package train

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// teach puts what is true of each example into the mouth of a teacher who is rather sure, and replaces the truth by one
// that does not count.
func teach(set *Set, outputs int) {
	y := &set.Targets
	rows := max(len(y.Classes), y.Labels.Len(), len(y.Scores), len(y.Tags.IDs))
	y.Soft = slices.Repeat([]float32{-1.5}, rows*outputs)
	for i := range y.Classes {
		y.Soft[i*outputs+int(y.Classes[i])] = 1.5
		y.Classes[i] = 0
	}
	for i := range y.Labels.Len() {
		for j, c := range y.Labels.Sequence(i) {
			y.Soft[i*outputs+int(c)] = 1.5
			y.Labels.Sequence(i)[j] = 0
		}
	}
	for i, tag := range y.Tags.IDs {
		y.Soft[i*outputs+int(tag)] = 1.5
		y.Tags.IDs[i] = 0
	}
	copy(y.Soft, y.Scores)
	y.Weights = make(nn.Weights, set.Len())
}

// The truth of the training part is not known; it is on the validation part, where students are judged.
func TestAStudentOfEveryHeadLearnsFromSoftTargetsAlone(t *testing.T) {
	all := map[string]task{"classes": {}}
	for name, k := range tasks {
		all[name] = k
	}
	for name, k := range all {
		for _, way := range []struct {
			family, optimizer string
			rate              float64
		}{{"cnn", "adamw", 0.02}, {"ngram", "adamw", 0.1}, {"ngram", "dual", 0}} {
			if way.family == "ngram" && k.head == model.TokensHead {
				continue
			}
			t.Run(fmt.Sprint(name, " ", way.family, " ", way.optimizer), func(t *testing.T) {
				var m *model.Model
				var train, valid *Set
				c := config()
				c.Loss, c.ClassWeights, c.LabelSmoothing, c.Metric, c.Temperature = "auto", "none", 0, "auto", 2
				c.Optimizer, c.LearningRate = way.optimizer, way.rate
				if name == "classes" {
					m, train, valid, _ = build(t, way.family)
				} else {
					m, train, valid, _ = buildTask(t, way.family, k)
				}
				teach(train, len(m.Labels))
				tr, err := New(m, train, valid, c)
				if err != nil {
					t.Fatal(err)
				}
				if best, least := finish(t, tr), max(k.least-0.05, 0.75); best < least {
					t.Errorf("%s %.3f", MainMetric(k.head, true), best)
				}
			})
		}
	}
}

// A text that a teacher is unsure of is one that the student is as unsure of.
func TestAStudentIsAsSureAsItsTeacher(t *testing.T) {
	for _, head := range []string{model.ClassHead, model.MultiLabelHead} {
		m, train, _, _ := buildHead(t, "mlp", head)
		c := config()
		c.Loss, c.ClassWeights, c.LabelSmoothing, c.Epochs = "auto", "none", 0, 30
		teach(train, 2)
		y := &train.Targets
		for i := range train.Len() { // 0.8 for the one, 0.3 for the other
			sure, other := math.Log(0.8), math.Log(0.2)
			if y.Soft[2*i] < 0 {
				sure, other = math.Log(0.3), math.Log(0.7)
			}
			if head == model.MultiLabelHead {
				sure, other = sure-math.Log1p(-math.Exp(sure)), other-math.Log1p(-math.Exp(other))
			}
			y.Soft[2*i], y.Soft[2*i+1] = float32(sure), float32(other)
		}
		want := slices.Clone(y.Soft)
		tr, err := New(m, train, &Set{}, c)
		if err != nil {
			t.Fatal(err)
		}
		finish(t, tr)
		_, predictions, err := Evaluate(t.Context(), m, train, nn.NewTape(nil))
		if err != nil {
			t.Fatal(err)
		}
		far := 0.0
		for i, p := range predictions {
			q := math.Exp(float64(want[2*i]))
			if head == model.MultiLabelHead {
				q /= 1 + q
			}
			far += math.Abs(float64(p.Probabilities[0])-q) / float64(len(predictions))
		}
		if far > 0.05 {
			t.Errorf("head %q: probabilities are %.3f off the teacher's", head, far)
		}
	}
}

// TestSoftTargetsBelongToTheTraining lets one go on with those of another teacher.
func TestSoftTargetsBelongToTheTraining(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	for round, refused := range []bool{false, false, true} {
		m, train, valid, _ := build(t, "mlp")
		teach(train, 2)
		if refused {
			train.Targets.Soft[3] += 0.5
		}
		tr, err := New(m, train, valid, config())
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			err = tr.Save(path)
		} else {
			err = tr.Restore(path)
		}
		if (err != nil) != refused {
			t.Errorf("round %d: %v", round, err)
		}
		tr.Finish()
	}
}

// Examples without the teacher's opinion and examples without the truth learn in one batch.
func TestHardAndSoftTargetsMix(t *testing.T) {
	for _, optimizer := range []string{"adamw", "dual"} {
		m, train, valid, _ := build(t, "ngram")
		c := config()
		c.Loss, c.LearningRate, c.Optimizer = "auto", 0.1, optimizer
		truth := slices.Clone(train.Targets.Classes)
		teach(train, 2)
		y := &train.Targets
		for i := range train.Len() {
			soft := float32(1)
			if i%2 == 0 { // the teacher is wrong, and the truth known
				y.Classes[i], y.Weights[i], soft = truth[i], 1, 0
				y.Soft[2*i], y.Soft[2*i+1] = y.Soft[2*i+1], y.Soft[2*i]
			}
			y.SoftWeights = append(y.SoftWeights, soft)
		}
		tr, err := New(m, train, valid, c)
		if err != nil {
			t.Fatal(err)
		}
		if best := finish(t, tr); best < 0.95 {
			t.Errorf("%s: validation accuracy %.3f", optimizer, best)
		}
	}
}
