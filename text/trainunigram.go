package text

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// unigramTrainer learns a Unigram vocabulary (Kudo 2018, section 3.2): it begins with far more substrings than are
// wanted, and again and again estimates their probabilities by expectation and maximisation over all ways to cut the
// pieces, and drops those whose loss the likelihood of the corpus would feel least.
type unigramTrainer struct {
	pieces []string
	counts []int64
	size   int // wanted, special tokens not counted

	pool  *parallel.Pool
	model *unigram // token 0 stands for what is unknown
}

const (
	seedFactor    = 8    // so many times the wanted size to begin with
	longestToken  = 16   // characters
	shrinkTo      = 0.75 // of the tokens stay in each round
	spareFactor   = 1.1  // of the wanted size, until the last cut
	roundsOfEM    = 2
	leastExpected = 0.5
)

// train returns the tokens and their log probabilities, the most probable first.
func (t *unigramTrainer) train(ctx context.Context, characters []string, least int64, step func(done int64)) ([]string, []float64, error) {
	seeds := t.seeds(characters, least)
	if len(seeds) <= 1 {
		return nil, nil, nil
	}
	t.model = newUnigram(seeds, t.initialScores(seeds), 0)
	wanted := int(spareFactor * float64(t.size))
	for round := int64(1); ; round++ {
		for range roundsOfEM {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			t.estimate(len(characters))
		}
		if step != nil {
			step(round)
		}
		if len(t.model.tokens)-1 <= wanted {
			break
		}
		t.prune(max(wanted, int(shrinkTo*float64(len(t.model.tokens)))))
	}
	order := make([]int, 0, len(t.model.tokens)-1)
	for i := 1; i < len(t.model.tokens); i++ {
		order = append(order, i)
	}
	single := func(i int) bool { return utf8.RuneCountInString(t.model.tokens[i]) == 1 }
	slices.SortFunc(order, func(a, b int) int {
		if single(a) != single(b) { // characters stay, whatever their score
			if single(a) {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(t.model.scores[b], t.model.scores[a]), cmp.Compare(t.model.tokens[a], t.model.tokens[b]))
	})
	order = order[:min(len(order), t.size)]
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.model.scores[b], t.model.scores[a]), cmp.Compare(t.model.tokens[a], t.model.tokens[b]))
	})
	tokens, scores := make([]string, len(order)), make([]float64, len(order))
	for i, o := range order {
		tokens[i], scores[i] = t.model.tokens[o], t.model.scores[o]
	}
	return tokens, scores, nil
}

// seeds returns a stand-in for the unknown, the characters, and the substrings with the most characters in all. They
// are found by length: a string of n+1 characters can be frequent only where two frequent ones of n overlap, so each
// position carries the number of the frequent string that begins there.
func (t *unigramTrainer) seeds(characters []string, least int64) []string {
	runes := map[rune]int32{}
	for i, c := range characters {
		r, _ := utf8.DecodeRuneInString(c)
		runes[r] = int32(i)
	}
	var here []int32   // by position: the frequent string of this length that begins there, -1 for none
	var weight []int64 // by position: the count of its piece
	var place []int32  // by position: the byte in its piece
	var piece []int32  // by position: its piece
	var found []substring
	for i, p := range t.pieces {
		for at, r := range p {
			id, ok := runes[r]
			if !ok {
				id = -1
			}
			here, weight, place, piece = append(here, id), append(weight, t.counts[i]), append(place, int32(at)), append(piece, int32(i))
		}
		here, weight, place, piece = append(here, -1), append(weight, 0), append(place, int32(len(p))), append(piece, int32(i))
	}
	for length := 2; length <= longestToken; length++ {
		count := map[uint64]int64{}
		for i := 0; i+1 < len(here); i++ {
			if here[i] >= 0 && here[i+1] >= 0 {
				count[pairKey(here[i], here[i+1])] += weight[i]
			}
		}
		next := map[uint64]int32{}
		for i := range here {
			id := int32(-1)
			if i+1 < len(here) && here[i] >= 0 && here[i+1] >= 0 {
				key := pairKey(here[i], here[i+1])
				if n := count[key]; n >= max(least, 2) {
					var ok bool
					if id, ok = next[key]; !ok {
						id = int32(len(next))
						next[key] = id
						s := t.pieces[piece[i]][place[i]:place[i+length]]
						found = append(found, substring{s, n * int64(length)})
					}
				}
			}
			here[i] = id
		}
		if len(next) == 0 {
			break
		}
	}
	slices.SortFunc(found, func(a, b substring) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.text, b.text))
	})
	seeds := append([]string{Unknown}, characters...)
	for _, f := range found[:min(len(found), seedFactor*t.size)] {
		seeds = append(seeds, f.text)
	}
	return seeds
}

type substring struct {
	text   string
	weight int64 // characters that it covers, in all
}

// initialScores weighs the seeds by how much they cover.
func (t *unigramTrainer) initialScores(seeds []string) []float64 {
	scores := make([]float64, len(seeds))
	for i := range seeds {
		scores[i] = -math.Log(float64(len(seeds))) // the first round of EM knows better
	}
	return scores
}

// parts is how many pieces of the work are summed up apart, whatever the number of workers, so that the sums are the
// same on every machine.
const parts = 16

// each calls f for every piece, part by part, each part with its own accumulator of n numbers, and returns the sums.
func (t *unigramTrainer) each(n int, f func(i int, sum []float64, w *latticeWork)) []float64 {
	sums := make([][]float64, parts)
	t.pool.For(parts, 1, func(from, to int) {
		for part := from; part < to; part++ {
			sums[part] = make([]float64, n)
			var w latticeWork
			for i := part * len(t.pieces) / parts; i < (part+1)*len(t.pieces)/parts; i++ {
				f(i, sums[part], &w)
			}
		}
	})
	for _, s := range sums[1:] {
		for i, v := range s {
			sums[0][i] += v
		}
	}
	return sums[0]
}

// estimate is a round of expectation and maximisation; characters, the first tokens, stay.
func (t *unigramTrainer) estimate(characters int) {
	expected := t.each(len(t.model.tokens), func(i int, sum []float64, w *latticeWork) {
		w.expect(t.model, t.pieces[i], float64(t.counts[i]), sum)
	})
	tokens, scores := t.model.tokens[:1:1], []float64{0}
	total := 0.0
	for i := 1; i < len(expected); i++ {
		if expected[i] < leastExpected && i > characters {
			continue
		}
		n := max(expected[i], leastExpected)
		tokens, scores = append(tokens, t.model.tokens[i]), append(scores, n)
		total += n
	}
	logTotal := digamma(total)
	for i := 1; i < len(scores); i++ {
		scores[i] = digamma(scores[i]) - logTotal
	}
	t.replace(tokens, scores)
}

// replace makes another vocabulary the model. The score of the unknown is that of the least probable token.
func (t *unigramTrainer) replace(tokens []string, scores []float64) {
	scores[0] = 0
	scores[0] = slices.Min(scores)
	t.model = newUnigram(tokens, scores, 0)
}

// prune keeps so many tokens: characters, and those whose absence would cost most.
func (t *unigramTrainer) prune(keep int) {
	used := t.each(len(t.model.tokens), func(i int, sum []float64, w *latticeWork) {
		w.e.truncate(0)
		w.e.scratch()
		t.model.encode(t.pieces[i], Span{0, len(t.pieces[i])}, &w.e)
		for _, id := range w.e.IDs {
			sum[id] += float64(t.counts[i])
		}
	})
	total := 0.0
	for _, n := range used {
		total += n
	}
	type candidate struct {
		id   int
		loss float64
	}
	all := make([]candidate, 0, len(used))
	var w latticeWork
	for i := 1; i < len(used); i++ {
		token := t.model.tokens[i]
		if utf8.RuneCountInString(token) == 1 {
			all = append(all, candidate{i, math.Inf(1)})
			continue
		}
		if used[i] == 0 {
			continue
		}
		instead := w.without(t.model, token, int32(i))
		if instead == nil {
			all = append(all, candidate{i, math.Inf(1)})
			continue
		}
		// What the corpus loses if every use of the token is cut into those parts.
		logTotal := math.Log(total + used[i]*float64(len(instead)-1))
		loss := math.Log(used[i]) - math.Log(total)
		for _, part := range instead {
			loss -= math.Log(used[part]+used[i]) - logTotal
		}
		all = append(all, candidate{i, used[i] / total * loss})
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.loss, a.loss), cmp.Compare(a.id, b.id)) })
	all = all[:min(len(all), keep)]
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	tokens, scores := t.model.tokens[:1:1], []float64{0}
	for _, c := range all {
		tokens, scores = append(tokens, strings.Clone(t.model.tokens[c.id])), append(scores, t.model.scores[c.id])
	}
	t.replace(tokens, scores)
}

// digamma is the derivative of the logarithm of the gamma function, by its asymptotic series.
func digamma(x float64) float64 {
	y := 0.0
	for ; x < 7; x++ {
		y -= 1 / x
	}
	x -= 0.5
	xx := 1 / x
	xx2 := xx * xx
	xx4 := xx2 * xx2
	return y + math.Log(x) + xx2/24 - 7.0/960*xx4 + 31.0/8064*xx4*xx2 - 127.0/30720*xx4*xx4
}
