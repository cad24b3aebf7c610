package train

import (
	"context"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// solver finds the head's weights where all below it is frozen: the best ones there are (optimizer lbfgs), or a prototype
// a class (optimizer prototype). It is one epoch. Each of its steps but the last holds a fold of the examples back and
// judges strengths of regularisation on it; the last one learns from all examples, with the strength of the least loss.
type solver struct {
	*logistic
	head, bias *nn.Param
	folds      [][]int
	theta      []float64
	graph      *graph     // of labelled and unlabelled rows; nil without the latter
	mixtures   []*mixture // of the same
}

const (
	// foldCount is that of the cross-validation.
	foldCount = 5
	// judgedAtLeast is how many examples held back suffice: of many examples, not every fold is needed.
	judgedAtLeast = 2000
	// worthTrying is how far above the least loss weaker regularisation is still tried.
	worthTrying = 1.3
	// roughly suffices to compare strengths, exactly is for the head that is kept: see logistic.fit.
	roughly, exactly = 1e-2, 1e-4
	// usualStrength is taken where too few examples are there to choose by.
	usualStrength = 1e-3
)

// strengths of regularisation, of rows whose mean square length is 1, each solved from the one before.
var strengths = []float64{1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5}

// solves tells whether an optimizer solves a head alone.
func solves(optimizer string) bool { return optimizer == "lbfgs" || optimizer == "prototype" }

// checkSolver tells why a head cannot be solved.
func (tr *Trainer) checkSolver() error {
	const way = "set train.optimizer to adamw"
	c, head := &tr.config, tr.model.Config.Head
	switch {
	case !tr.model.HeadAlone() || c.Unfreeze > 0:
		return hint.Errorf("set train.freeze to all, or train.optimizer to adamw", "training: optimizer %s is for a head alone, over a network that does not learn", c.Optimizer)
	case len(tr.model.Config.Knowledge) > 0:
		return hint.Errorf(way+", or leave out model.knowledge", "training: optimizer %s solves one layer alone, and what is known beforehand has another", c.Optimizer)
	case head == model.EmbeddingHead || c.Optimizer == "prototype" && head != model.ClassHead:
		return hint.Errorf(way, "training: optimizer %s does not know this task", c.Optimizer)
	case tr.loss.Kind != "" && tr.loss.Kind != "cross_entropy" && tr.loss.Kind != "mse":
		return hint.Errorf("set train.loss to auto", "training: optimizer %s knows no loss %s", c.Optimizer, tr.loss.Kind)
	case tr.unlabelled != nil && (c.Optimizer != "lbfgs" || head != model.ClassHead):
		return hint.Errorf("set train.recipe to selftrain", "training: texts without labels are for optimizer lbfgs and task class")
	case tr.beside() && c.Optimizer == "prototype":
		return hint.Errorf("set model.wide to false, or train.recipe to head", "training: n-grams beside the network are for a head that learns, and prototypes do not")
	case len(tr.train.Targets.Soft) > 0:
		return hint.Errorf(way, "training: optimizer %s learns from labels, and not from a teacher", c.Optimizer)
	}
	return nil
}

// prepareSolver takes the states that are known now.
func (tr *Trainer) prepareSolver() {
	set, m := tr.train, tr.model
	s := &solver{}
	s.head, s.bias = m.Classifier()
	targets, weights := tr.solverTargets()
	loss := map[string]rowLoss{model.MultiLabelHead: sigmoidLoss, model.RegressionHead: squareLoss}[m.Config.Head]
	width, states := s.head.Width(), set.Input.States
	s.folds = tr.solverFolds(targets)
	if tr.unlabelled != nil {
		states = slices.Concat(states, tr.unlabelled.Input.States)
		targets = append(targets, make([]float32, tr.unlabelled.Len()*len(m.Labels))...)
		if weights == nil {
			weights = slices.Repeat([]float64{1}, set.Len())
		}
		weights = append(weights, make([]float64, tr.unlabelled.Len())...)
		rows := slices.Clone(states)
		unitRows(rows, width)
		s.graph = newGraph(tr.pool, rows, width)
	}
	s.logistic = newLogistic(tr.pool, loss, states, width, targets, weights)
	if s.graph != nil && len(s.folds) > 0 { // mixtures are trusted by labels held back alone
		s.mixtures = newMixtures(tr.pool, s.rows, width, s.k)
	}
	s.theta = make([]float64, s.size())

	tr.solver = s
}

// solverTargets are the truths of the training set as rows of probabilities or numbers, and how much each row counts.
func (tr *Trainer) solverTargets() (targets []float32, weights []float64) {
	y, m, k := &tr.train.Targets, tr.model, len(tr.model.Labels)
	n := tr.train.Len()
	switch m.Config.Head {
	case model.RegressionHead:
		return m.Scaled(y.Scores), nil
	case model.MultiLabelHead:
		targets = make([]float32, n*k)
		for i := range n {
			for _, c := range y.Labels.Sequence(i) {
				targets[i*k+int(c)] = 1
			}
		}
		return targets, nil
	}
	targets = slices.Repeat([]float32{tr.loss.Smoothing / float32(k)}, n*k)
	for i, c := range y.Classes {
		targets[i*k+int(c)] += 1 - tr.loss.Smoothing
	}
	if tr.loss.Weights == nil && len(y.Weights) == 0 {
		return targets, nil
	}
	weights = make([]float64, n)
	for i, c := range y.Classes {
		weights[i] = 1
		if tr.loss.Weights != nil {
			weights[i] = float64(tr.loss.Weights[c])
		}
		if len(y.Weights) > 0 {
			weights[i] *= float64(y.Weights[i])
		}
	}
	return targets, weights
}

// foldsOf deals the rows out to folds, so that each has its share of every class; nil where some class has one row, or
// there are too few at all.
func foldsOf(targets []float32, k int, seed uint64) [][]int {
	n := len(targets) / k
	class := make([]int, n)
	counts := map[int]int{}
	for i := range n {
		row := targets[i*k : (i+1)*k]
		for c, v := range row {
			if v > row[class[i]] {
				class[i] = c
			}
		}
		counts[class[i]]++
	}
	for _, c := range counts {
		if c < 2 && k > 1 {
			return nil
		}
	}
	if n < 2*foldCount {
		return nil
	}
	order := permutation(nil, n, seed, 0)
	slices.SortStableFunc(order, func(a, b int32) int { return class[a] - class[b] })
	folds := make([][]int, foldCount)
	for at, i := range order {
		folds[at%foldCount] = append(folds[at%foldCount], int(i))
	}
	judged := 0
	for f, fold := range folds {
		if judged += len(fold); judged >= judgedAtLeast {
			return folds[:f+1]
		}
	}
	return folds
}

// solverFolds are what strengths are judged on; none where nothing is chosen, or where the encoder has seen the labels: what
// it knows already tells nothing of others.
func (tr *Trainer) solverFolds(targets []float32) [][]int {
	if tr.config.Optimizer == "prototype" || tr.config.Recipe == "setfit" || tr.joint() {
		return nil
	}
	return foldsOf(targets, len(tr.model.Labels), tr.config.Seed)
}

// solverSteps is how many steps there are: the folds are known once the targets are.
func (tr *Trainer) solverSteps() int {
	targets, _ := tr.solverTargets()
	steps := len(tr.solverFolds(targets)) + 1
	if tr.unlabelled != nil {
		steps++
	}
	return steps
}

// solveStep is a step of the trainer: a fold, or the head itself. One that ctx has cut short is as if it had not begun.
func (tr *Trainer) solveStep(ctx context.Context) (*Step, error) {
	s, v := &tr.state, tr.solver
	labelled := tr.train.Len()
	step := &Step{Step: s.Position + 1, Steps: tr.solverSteps(), Epoch: 1, Tokens: tr.train.Input.Tokens.Tokens()}
	switch {
	case s.Position < len(v.folds):
		step.Loss = v.holdBack(s, s.Position, labelled)
	case tr.config.Optimizer == "prototype":
		step.Loss = v.prototypes(v.theta)
	default:
		step.Loss = v.learn(firstRows(labelled), s.strength(), exactly)
		if s.Position > len(v.folds) {
			byLabels := slices.Clone(v.theta)
			step.Loss = v.selfTrain(s, labelled, tr.config.Confidence, s.strength())
			if tr.beside() {
				if err := tr.coTrain(ctx, byLabels); err != nil {
					return nil, err
				}
			}
		}
	}
	if s.Position >= len(v.folds) {
		v.write(v.theta, v.head.Data, v.bias.Data)
		s.LossSum = step.Loss * float64(step.Steps)
	}
	s.Position++
	s.Step = s.Position
	return step, nil
}

// holdBack learns without a fold and judges on it, with each strength. It returns the least mean loss.
func (v *solver) holdBack(s *state, fold, labelled int) float64 {
	if s.Held == nil {
		s.Held, s.Right = make([][]float64, len(strengths)), make([]int, len(strengths))
	}
	held := map[int]bool{}
	for _, i := range v.folds[fold] {
		held[i] = true
	}
	v.choose(slices.DeleteFunc(firstRows(labelled), func(i int) bool { return held[i] }))
	clear(v.theta)
	least := math.Inf(1)
	var losses []float64
	right := 0
	for i, strength := range strengths {
		mean := meanOf(losses)
		if i == 0 || mean <= worthTrying*least { // else weaker ones are as bad, at the least
			v.fit(v.theta, strength, roughly)
			losses, right = v.judge(v.folds[fold], v.theta)
			mean = meanOf(losses)
		}
		s.Held[i] = append(s.Held[i], losses...)
		s.Right[i] += right
		least = min(least, mean)
	}
	return least
}

// choice is the number of the strength to take: of those whose losses are greater than the least by no more than chance, the
// strongest (Breiman et al. 1984, "Classification and Regression Trees", the rule of one standard error, here of the
// differences on the same examples). -1 where nothing was held back.
func (s *state) choice() int {
	best := -1
	for i, losses := range s.Held {
		if len(losses) > 0 && (best < 0 || meanOf(losses) < meanOf(s.Held[best])) {
			best = i
		}
	}
	for i := range max(best, 0) {
		if mean, chance := difference(s.Held[i], s.Held[best]); mean <= chance {
			return i
		}
	}
	return best
}

// strength is the one that was chosen.
func (s *state) strength() float64 {
	if c := s.choice(); c >= 0 {
		return strengths[c]
	}
	return usualStrength
}

func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// CrossValidated tells how well the solved head did on examples that were held back: the share that was right, and of how
// many; n is 0 where nothing was held back.
func (tr *Trainer) CrossValidated() (accuracy float64, n int) {
	if right := tr.state.Believed; len(right) > 0 {
		return meanOf(right), len(right)
	}
	c := tr.state.choice()
	if tr.solver == nil || c < 0 {
		return 0, 0
	}
	n = len(tr.state.Held[c])
	return float64(tr.state.Right[c]) / float64(n), n
}
