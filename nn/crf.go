package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// CRF holds the weights of a linear-chain conditional random field (Lafferty et al. 2001) over the tags of tokens. A
// sequence y of tags has the score start[y₀] + Σ emission[t][yₜ] + Σ transitions[yₜ₋₁][yₜ] + end[y_last].
type CRF struct {
	Transitions *Param // [tags, tags], from and to
	Start, End  *Param // [tags]
}

// NewCRF declares the weights of a CRF over so many tags, under the names that pytorch-crf gives them.
func NewCRF(ps *Params, prefix string, tags int) CRF {
	c := CRF{
		Transitions: ps.Add(prefix+".transitions", Uniform(0.1), tags, tags),
		Start:       ps.Add(prefix+".start_transitions", Uniform(0.1), tags),
		End:         ps.Add(prefix+".end_transitions", Uniform(0.1), tags),
	}
	c.Transitions.Decay, c.Transitions.Plain = false, true
	return c
}

// CRFLoss returns the mean over sequences of the negative log-likelihood of tags, one for each row of emissions, which
// is [tokens, tags] packed by offsets. Empty sequences count with a loss of 0. examples are the weights of the
// sequences, as in CrossEntropy.
func (t *Tape) CRFLoss(emissions *Var, offsets, tags []int32, c CRF, examples Weights) *Var {
	checkTargets(tags, emissions.Rows, emissions.Cols)
	return t.crfLoss(emissions, offsets, c, examples, hardTags(tags))
}

// SoftCRFLoss is CRFLoss for tags of which only probabilities are known, [tokens, tags], those of each token by
// themselves: the mean of what CRFLoss would be for tags drawn from them.
func (t *Tape) SoftCRFLoss(emissions *Var, offsets []int32, probabilities []float32, c CRF, examples Weights) *Var {
	if len(probabilities) != len(emissions.Data) {
		panic(fmt.Sprintf("nn: %d probabilities for %d emissions", len(probabilities), len(emissions.Data)))
	}
	return t.crfLoss(emissions, offsets, c, examples, softTags(probabilities))
}

func (t *Tape) crfLoss(emissions *Var, offsets []int32, c CRF, examples Weights, truth tagTruth) *Var {
	k, n := emissions.Cols, max(len(offsets)-1, 1)
	if c.Transitions.Shape[0] != k {
		panic(fmt.Sprintf("nn: CRF of %d tags on emissions of width %d", c.Transitions.Shape[0], k))
	}
	var grad []float32
	if t.training() {
		grad = emissions.Gradient()
	}
	blocks := max(1, min(t.pool.Workers(), len(offsets)-1))
	chains := make([]*chain, blocks)
	t.pool.For(blocks, 1, func(lo, hi int) {
		for b := lo; b < hi; b++ {
			ch := newChain(c)
			chains[b] = ch
			for s := len(offsets[1:]) * b / blocks; s < len(offsets[1:])*(b+1)/blocks; s++ {
				from, to := int(offsets[s]), int(offsets[s+1])
				weight := examples.of(s)
				if from == to || weight == 0 {
					continue
				}
				row := emissions.Data[from*k : to*k]
				ch.forward(row)
				ch.loss += weight * (ch.logZ - truth.score(c, row, from))
				if t.training() {
					ch.backward()
					ch.collect(grad[from*k:to*k], weight, 1/float32(n))
					truth.subtract(ch, grad[from*k:to*k], from, weight, 1/float32(n))
				}
			}
		}
	})
	loss := t.value(1, 1)
	total := 0.0
	for _, ch := range chains {
		total += ch.loss
	}
	loss.Data[0] = float32(total / float64(n))
	if t.training() {
		// The gradient was computed beside the loss, for a gradient of 1 of the loss itself.
		t.record(loss, nil, func() {
			scale := loss.Grad[0]
			if scale != 1 {
				kernel.Scale(scale, grad)
			}
			for _, ch := range chains {
				addScaled(c.Transitions, ch.dTransitions, float64(scale)/float64(n))
				addScaled(c.Start, ch.dStart, float64(scale)/float64(n))
				addScaled(c.End, ch.dEnd, float64(scale)/float64(n))
			}
		})
	}
	return loss
}

func addScaled(p *Param, grad []float64, scale float64) {
	if p.Frozen {
		return
	}
	sum := p.Gradient()
	for i, g := range grad {
		sum[i] += float32(scale * g)
	}
}

// chain is the forward-backward algorithm on one sequence, in probabilities that are scaled to sum to 1 at each step:
// a step is a product of a vector and a matrix instead of tags² logarithms (Rabiner 1989, "A Tutorial on Hidden Markov
// Models", section V.A).
type chain struct {
	k                          int
	trans, start, end          []float64 // exponentials, divided by the largest
	shift                      float64   // logarithm of the largest of trans
	emit, alpha, beta, scale   []float64 // [tokens, tags] and [tokens]
	logZ, loss                 float64
	dTransitions, dStart, dEnd []float64
	work                       []float64
}

func newChain(c CRF) *chain {
	k := len(c.Start.Data)
	ch := &chain{k: k, trans: make([]float64, k*k), start: make([]float64, k), end: make([]float64, k),
		dTransitions: make([]float64, k*k), dStart: make([]float64, k), dEnd: make([]float64, k), work: make([]float64, k)}
	ch.shift = float64(kernel.Max(c.Transitions.Data))
	for i, v := range c.Transitions.Data {
		ch.trans[i] = math.Exp(float64(v) - ch.shift)
	}
	for i := range k {
		ch.start[i], ch.end[i] = math.Exp(float64(c.Start.Data[i])), math.Exp(float64(c.End.Data[i]))
	}
	return ch
}

func resize(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n, n+n/2)
	}
	return x[:n]
}

// forward computes the scaled forward probabilities and the logarithm of the partition sum.
func (ch *chain) forward(emissions []float32) {
	k := ch.k
	n := len(emissions) / k
	ch.emit, ch.alpha, ch.scale = resize(ch.emit, n*k), resize(ch.alpha, n*k), resize(ch.scale, n)
	ch.logZ = float64(n-1) * ch.shift
	for i := range n {
		row := emissions[i*k : (i+1)*k]
		top := float64(kernel.Max(row))
		ch.logZ += top
		emit, alpha := ch.emit[i*k:(i+1)*k], ch.alpha[i*k:(i+1)*k]
		for j, v := range row {
			emit[j] = math.Exp(float64(v) - top)
		}
		if i == 0 {
			copy(alpha, ch.start)
		} else {
			vectorMatrix(alpha, ch.alpha[(i-1)*k:i*k], ch.trans)
		}
		sum := 0.0
		for j := range alpha {
			alpha[j] *= emit[j]
			if i == n-1 {
				sum += alpha[j] * ch.end[j]
			} else {
				sum += alpha[j]
			}
		}
		sum = max(sum, math.SmallestNonzeroFloat64)
		ch.scale[i] = sum
		for j := range alpha {
			alpha[j] /= sum
		}
		ch.logZ += math.Log(sum)
	}
}

// backward computes the scaled backward probabilities, such that alpha·beta is the marginal probability of a tag.
func (ch *chain) backward() {
	k := ch.k
	n := len(ch.scale)
	ch.beta = resize(ch.beta, n*k)
	copy(ch.beta[(n-1)*k:], ch.end)
	for i := n - 2; i >= 0; i-- {
		next, emit := ch.beta[(i+1)*k:(i+2)*k], ch.emit[(i+1)*k:(i+2)*k]
		for j := range ch.work {
			ch.work[j] = next[j] * emit[j] / ch.scale[i+1]
		}
		beta := ch.beta[i*k : (i+1)*k]
		for from := range beta {
			sum := 0.0
			for to, v := range ch.trans[from*k : (from+1)*k] {
				sum += v * ch.work[to]
			}
			beta[from] = sum
		}
	}
}

// collect adds the counts that the field expects, times weight; dEmissions gets them times scale as well.
func (ch *chain) collect(dEmissions []float32, weight float64, scale float32) {
	k := ch.k
	n := len(ch.scale)
	for i := range n {
		alpha, beta, d := ch.alpha[i*k:(i+1)*k], ch.beta[i*k:(i+1)*k], dEmissions[i*k:(i+1)*k]
		for j := range d {
			d[j] += scale * float32(weight*alpha[j]*beta[j])
		}
		if i == 0 {
			for j := range alpha {
				ch.dStart[j] += weight * alpha[j] * beta[j]
			}
			continue
		}
		emit, prev := ch.emit[i*k:(i+1)*k], ch.alpha[(i-1)*k:i*k]
		for j := range ch.work {
			ch.work[j] = weight * beta[j] * emit[j] / ch.scale[i]
		}
		for from, a := range prev {
			row, d := ch.trans[from*k:(from+1)*k], ch.dTransitions[from*k:(from+1)*k]
			for to, v := range row {
				d[to] += a * v * ch.work[to]
			}
		}
	}
	last := (n - 1) * k
	for j := range k {
		ch.dEnd[j] += weight * ch.alpha[last+j] * ch.beta[last+j]
	}
}

// vectorMatrix computes dst = v·m for a square m.
func vectorMatrix(dst, v, m []float64) {
	clear(dst)
	k := len(dst)
	for i, a := range v {
		if a == 0 {
			continue
		}
		row := m[i*k : (i+1)*k]
		for j, b := range row {
			dst[j] += a * b
		}
	}
}

// Marginals returns the probability of each tag at each token of one sequence, [tokens, tags].
func (c CRF) Marginals(emissions []float32) []float32 {
	ch := newChain(c)
	ch.forward(emissions)
	ch.backward()
	out := make([]float32, len(emissions))
	for i := range out {
		out[i] = float32(ch.alpha[i] * ch.beta[i])
	}
	return out
}

// TagRules say which tags may follow each other; what they forbid, decoding never yields.
type TagRules struct {
	Start, End []bool // [tags]
	Follow     []bool // [tags·tags], from and to
}

// Decode returns the sequence of tags with the highest score (Viterbi 1967) for the emissions of one sequence,
// [tokens, tags], appended to dst. transitions are those of a CRF, or nil; rules may be nil.
func Decode(dst []int32, emissions []float32, k int, c *CRF, rules *TagRules) []int32 {
	n := len(emissions) / k
	if n == 0 {
		return dst
	}
	best, next := make([]float32, k), make([]float32, k)
	back := make([]int32, n*k)
	forbidden := float32(math.Inf(-1))
	for j := range k {
		best[j] = emissions[j]
		if c != nil {
			best[j] += c.Start.Data[j]
		}
		if rules != nil && !rules.Start[j] {
			best[j] = forbidden
		}
	}
	for i := 1; i < n; i++ {
		for to := range k {
			top, from := forbidden, int32(0)
			for f, v := range best {
				if rules != nil && !rules.Follow[f*k+to] {
					continue
				}
				if c != nil {
					v += c.Transitions.Data[f*k+to]
				}
				if v > top {
					top, from = v, int32(f)
				}
			}
			next[to], back[i*k+to] = top+emissions[i*k+to], from
		}
		best, next = next, best
	}
	last, top := 0, forbidden
	for j, v := range best {
		if c != nil {
			v += c.End.Data[j]
		}
		if (rules == nil || rules.End[j]) && v > top {
			last, top = j, v
		}
	}
	at := len(dst)
	for range n {
		dst = append(dst, 0)
	}
	for i, tag := n-1, int32(last); i >= 0; i-- {
		dst[at+i] = tag
		tag = back[i*k+int(tag)]
	}
	return dst
}
