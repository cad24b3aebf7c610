package generate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// sampler chooses tokens by their logits.
type sampler struct {
	Options
	random *rand.Rand
	seen   []int32 // tokens of the text, each once
	known  []bool  // of each token: it is among seen
	scores []float32
	choice []candidate
}

// candidate is a token that may be chosen.
type candidate struct {
	id    int32
	score float32 // its logit, then its share
}

// better puts the higher score first, and of equal ones the lower number.
func better(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id))
}

func newSampler(o Options, vocabulary int) *sampler {
	return &sampler{Options: o, random: rand.New(rand.NewPCG(o.Seed, 0)), known: make([]bool, vocabulary), scores: make([]float32, vocabulary)}
}

// note takes in tokens of the text.
func (s *sampler) note(ids ...int32) {
	for _, id := range ids {
		if !s.known[id] {
			s.known[id] = true
			s.seen = append(s.seen, id)
		}
	}
}

// choose returns the next token, in the order of steps that transformers has: penalty, temperature, top k, top p.
func (s *sampler) choose(logits []float32) int32 {
	copy(s.scores, logits)
	if s.Repetition > 0 {
		for _, id := range s.seen {
			if penalty := float32(s.Repetition); s.scores[id] > 0 {
				s.scores[id] /= penalty
			} else {
				s.scores[id] *= penalty
			}
		}
	}
	if s.Temperature == 0 {
		return int32(kernel.ArgMax(s.scores))
	}
	s.list()
	s.share()
	if s.TopP > 0 && s.TopP < 1 {
		s.cut()
	}
	return s.draw()
}

// list makes the candidates: the TopK best tokens, in no order.
func (s *sampler) list() {
	s.choice = s.choice[:0]
	k := s.TopK
	if k == 0 || k > len(s.scores) {
		k = len(s.scores)
	}
	for id, score := range s.scores[:k] {
		s.choice = append(s.choice, candidate{int32(id), score})
	}
	if k == len(s.scores) {
		return
	}
	// The worst of the best is on top of a heap.
	for i := k/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	for id := k; id < len(s.scores); id++ {
		if c := (candidate{int32(id), s.scores[id]}); better(c, s.choice[0]) < 0 {
			s.choice[0] = c
			s.sink(0)
		}
	}
}

// sink moves candidate i of the heap down to its place.
func (s *sampler) sink(i int) {
	for {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.choice); child++ {
			if better(s.choice[worst], s.choice[child]) < 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		s.choice[i], s.choice[worst] = s.choice[worst], s.choice[i]
		i = worst
	}
}

// share turns the candidates' logits into probabilities.
func (s *sampler) share() {
	best := float32(math.Inf(-1))
	for _, c := range s.choice {
		best = max(best, c.score)
	}
	sum := 0.0
	for i, c := range s.choice {
		p := math.Exp(float64(c.score-best) / s.Temperature)
		s.choice[i].score = float32(p)
		sum += p
	}
	for i := range s.choice {
		s.choice[i].score /= float32(sum)
	}
}

// cut keeps the best candidates whose probabilities reach TopP.
func (s *sampler) cut() {
	// All candidates below this one are together less probable than what may be left out: only the others need an order.
	least := float32((1 - s.TopP) / float64(len(s.choice)))
	kept := s.choice[:0]
	for _, c := range s.choice {
		if c.score >= least {
			kept = append(kept, c)
		}
	}
	slices.SortFunc(kept, better)
	sum := float32(0)
	for i, c := range kept {
		if sum += c.score; sum >= float32(s.TopP) {
			kept = kept[:i+1]
			break
		}
	}
	s.choice = kept
}

// draw chooses among the candidates by their probabilities.
func (s *sampler) draw() int32 {
	sum := 0.0
	for _, c := range s.choice {
		sum += float64(c.score)
	}
	at := s.random.Float64() * sum
	for _, c := range s.choice {
		if at -= float64(c.score); at < 0 {
			return c.id
		}
	}
	return s.choice[len(s.choice)-1].id
}
