package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// importanceExamples are enough to know which weights matter.
const importanceExamples = 1000

// Importance estimates how much each weight of m that is trained matters to what m says of the examples of set, by the
// parameter's name: the diagonal of the Fisher information, the mean square of the gradient of log p(y|x), where y is drawn from
// what m itself finds probable (Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks"; drawn,
// since the gradients of labels that were learnt by heart say little: Kunstner, Hennig & Balles 2019). Of head tokens y
// is the truth. It is scaled like the mean loss of m's head: moving a weight by δ raises that by about ½·importance·δ².
//
// At most a thousand examples are looked at, chosen by c.Seed; progress is told how many are done. m gets gradients and is
// not to be used while this runs.
func Importance(ctx context.Context, m *model.Model, set *Set, c Config, progress func(done int)) (map[string][]float32, error) {
	m.Params.AllocateGradients()
	pool := parallel.New(c.Threads)
	defer pool.Close()
	tape := nn.NewTape(pool)
	tape.Whole = true
	sums := map[string][]float32{}
	for _, p := range m.Params.All() {
		if p.Grad != nil {
			sums[p.Name] = make([]float32, p.Size())
		}
	}
	chosen := permutation(nil, set.Len(), c.Seed, 0)
	chosen = chosen[:min(len(chosen), importanceExamples)]
	var batch model.Input
	var grads pieces
	for k, i := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch.Reset()
		m.AppendExample(&batch, &set.Input, int(i))
		tape.Begin(nn.Training, 0, 0)
		logits := m.Forward(tape, &batch)
		targets, scale := drawn(m, m.Head.Predict(logits, &batch, 0), rand.New(rand.NewPCG(c.Seed, uint64(i))))
		if m.Config.Head == model.TokensHead {
			targets.AppendExample(&set.Targets, int(i))
		}
		m.Params.ZeroGradients()
		tape.Backward(m.Head.Loss(tape, logits, &batch, &targets, model.Loss{}))
		grads.collect(m.Params)
		scale /= float32(len(chosen))
		each(m.Params, pool, func(p *nn.Param, _, lo, hi int) {
			sum := sums[p.Name]
			for j := lo; j < hi; j++ {
				sum[j] += scale * p.Grad[j] * p.Grad[j]
			}
		})
		progress(k + 1)
	}
	return sums, nil
}

// drawn returns a truth that the prediction p finds probable, and the factor between the square of the loss's gradient and
// its second derivative: 1 where the loss is −log p, more where it is the mean of several, and ½ for the square of a
// distance, one deviation long.
func drawn(m *model.Model, p model.Prediction, rng *rand.Rand) (y model.Targets, factor float32) {
	switch m.Config.Head {
	case model.ClassHead:
		left := rng.Float32()
		class := 0
		for class < len(p.Probabilities)-1 && left >= p.Probabilities[class] {
			left -= p.Probabilities[class]
			class++
		}
		y.Classes = append(y.Classes, int32(class))
	case model.MultiLabelHead:
		var labels []int32
		for c, v := range p.Probabilities {
			if rng.Float32() < v {
				labels = append(labels, int32(c))
			}
		}
		y.Labels.Append(labels)
		return y, float32(len(p.Probabilities))
	case model.RegressionHead:
		y.Scores = append(y.Scores, float32(p.Score)+m.Params.Get("regressor.deviation").Data[0])
		return y, 0.5
	}
	return y, 1
}

// anchor holds weights where they were, each as firmly as it matters.
type anchor struct {
	places map[string]place // by the parameter's name
	digest []byte
}

// place is where the weights of a parameter were, and how firmly each is held there.
type place struct{ weights, firmness []float32 }

// Hold makes it cost something to move weights that matter (elastic weight consolidation): the gradient is that of the
// loss and of ½·strength·Σ importance·(w − before)². from is the model that the trained one grew from, with weights as
// they were, and importance is of its weights. Call it before Run; optimizer dual has no gradient to add to.
func (tr *Trainer) Hold(from *model.Model, importance map[string][]float32, strength float64) {
	a := &anchor{places: map[string]place{}}
	h := sha256.New()
	for _, p := range tr.model.Params.All() {
		matters := importance[p.Name]
		if p.Grad == nil || matters == nil {
			continue
		}
		old := from.Params.Get(p.Name)
		held := place{make([]float32, p.Size()), make([]float32, p.Size())}
		nn.Graft(held.weights, p.Shape, old.Floats(), old.Shape)
		nn.Graft(held.firmness, p.Shape, matters, old.Shape)
		kernel.Scale(float32(strength), held.firmness)
		for _, values := range [][]float32{held.weights, held.firmness} {
			_ = binary.Write(h, binary.LittleEndian, values) // into a hash, which cannot fail
		}
		a.places[p.Name] = held
	}
	a.digest = h.Sum(nil)
	tr.updater.anchor = a
}

// pull adds the gradient of what moving costs. Rows of tables that a batch does not use stay where they are anyway.
func (a *anchor) pull(params *nn.Params, pool *parallel.Pool) {
	each(params, pool, func(p *nn.Param, _, lo, hi int) {
		held, ok := a.places[p.Name]
		if !ok {
			return
		}
		for j := lo; j < hi; j++ {
			p.Grad[j] += held.firmness[j] * (p.Data[j] - held.weights[j])
		}
	})
}
