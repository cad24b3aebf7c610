// Package weak labels texts by labelling functions: keywords, patterns, lexicons, lists of names, other models and the
// length of a text, each of which votes for a label or abstains. None is right always. A label model weighs their votes
// without knowing the truth of a single text, by how they agree (Dawid & Skene 1979, "Maximum Likelihood Estimation of
// Observer Error-Rates Using the EM Algorithm"; Ratner, De Sa, Wu, Selsam & Ré 2016, "Data Programming: Creating Large
// Training Sets, Quickly").
//
//	rules, err := weak.ReadRules("rules.yaml")
//	voter, err := weak.NewVoter(rules, open)
//	votes, err := voter.Votes(ctx, texts)
//	m := weak.Fit(votes, len(voter.Labels), weak.Options{})
//	probabilities, ok := m.Probabilities(votes[0])
//
// What comes out are soft labels, which data.soft makes a training learn.
package weak

import (
	"math"
)

// Options are what Fit may be told beforehand.
type Options struct {
	Balance []float64 // how frequent each label is, to any scale; nil to estimate it
	Rounds  int       // of expectation and maximisation, at most; 0 for 200
}

// Model weighs votes. Of each label it knows how often each function votes for each label, and how often it abstains:
// what a function does not say tells something as well.
type Model struct {
	Balance []float64     // of each label
	Tables  [][][]float64 // [functions][labels][labels + 1]: the probability of each vote, the last of abstaining
	Weights []float64     // of each function: 1, or less for those that repeat others
	Repeats [][2]int      // pairs of functions that repeat each other
	Rounds  int           // that were needed
}

// pattern is a combination of votes and how many texts have it.
type pattern struct {
	votes []int16
	texts float64
}

// patterns counts the combinations, without that of nobody voting, in the order of appearance.
func patterns(votes [][]int16) []pattern {
	var out []pattern
	number := map[string]int{}
	key := []byte{}
	for _, v := range votes {
		key = key[:0]
		voted := false
		for _, x := range v {
			key = append(key, byte(x), byte(x>>8))
			voted = voted || x != Abstain
		}
		if !voted {
			continue
		}
		i, ok := number[string(key)]
		if !ok {
			i = len(out)
			number[string(key)] = i
			out = append(out, pattern{votes: v})
		}
		out[i].texts++
	}
	return out
}

// Fit estimates a model of votes, [texts][functions], for so many labels.
func Fit(votes [][]int16, labels int, o Options) *Model {
	functions := 0
	if len(votes) > 0 {
		functions = len(votes[0])
	}
	m := &Model{Weights: make([]float64, functions), Balance: make([]float64, labels)}
	all := patterns(votes)
	m.weighRepeats(all)
	f := &fit{Model: m, patterns: all, labels: labels, options: o}
	f.begin()
	f.run()
	// Functions may repeat others in part. That shows once it is known how sure they are: they then agree, right or wrong,
	// more often than what they have in common with the truth explains.
	if f.weighDependence() {
		f.begin()
		f.run()
	}
	return m
}

// fit is the state of an estimation.
type fit struct {
	*Model
	patterns []pattern
	labels   int
	options  Options
	prior    [][][]float64 // as Tables, in texts
	posts    [][]float64   // of each pattern, the probability of each label
}

// A function is thought to be right this often before its votes are seen, and that counts as much as so many texts.
const (
	priorAccuracy = 0.7
	priorTexts    = 20
)

// begin sets the first beliefs: the posterior of each pattern by what its functions would be worth if each had the prior
// accuracy, which is a soft majority vote.
func (f *fit) begin() {
	k := f.labels
	total := 0.0
	f.prior, f.Tables, f.posts = nil, nil, nil
	for _, p := range f.patterns {
		total += p.texts
	}
	for c := range f.Balance {
		f.Balance[c] = 1 / float64(k)
	}
	f.fixBalance()
	for j := range f.Weights {
		rate := make([]float64, k+1)
		for _, p := range f.patterns {
			rate[vote(p.votes[j], k)] += p.texts / max(total, 1)
		}
		table := make([][]float64, k)
		for c := range table {
			row := make([]float64, k+1)
			sum := 0.0
			for l := range k {
				odds := (1 - priorAccuracy) / max(float64(k-1), 1)
				if l == c {
					odds = priorAccuracy
				}
				row[l] = rate[l] * odds * float64(k)
				sum += row[l]
			}
			if sum > 0.95 {
				for l := range k {
					row[l] *= 0.95 / sum
				}
				sum = 0.95
			}
			row[k] = 1 - sum
			table[c] = row
		}
		f.prior = append(f.prior, table)
		first := make([][]float64, k)
		for c := range first {
			first[c] = append([]float64(nil), table[c]...)
		}
		f.Tables = append(f.Tables, first)
	}
	for range f.patterns {
		f.posts = append(f.posts, make([]float64, k))
	}
}

// vote returns the column of a vote in a table.
func vote(v int16, labels int) int {
	if v == Abstain {
		return labels
	}
	return int(v)
}

func (f *fit) fixBalance() {
	if len(f.options.Balance) != f.labels {
		return
	}
	sum := 0.0
	for _, b := range f.options.Balance {
		sum += b
	}
	for c, b := range f.options.Balance {
		f.Balance[c] = b / sum
	}
}

// run alternates expectation and maximisation until nothing moves.
func (f *fit) run() {
	rounds := f.options.Rounds
	if rounds == 0 {
		rounds = 200
	}
	for round := 1; round <= rounds; round++ {
		moved := 0.0
		for i, p := range f.patterns {
			old := append([]float64(nil), f.posts[i]...)
			f.posterior(f.posts[i], p.votes, -1, -1)
			for c, v := range f.posts[i] {
				moved = max(moved, math.Abs(v-old[c]))
			}
		}
		f.maximise()
		f.Rounds = round
		if moved < 1e-5 {
			break
		}
	}
	for i, p := range f.patterns {
		f.posterior(f.posts[i], p.votes, -1, -1)
	}
}

// maximise sets balance and tables to what the posteriors make likeliest, with the prior.
func (f *fit) maximise() {
	k := f.labels
	mass := make([]float64, k)
	counts := make([][][]float64, len(f.Weights))
	for j := range counts {
		counts[j] = make([][]float64, k)
		for c := range counts[j] {
			counts[j][c] = make([]float64, k+1)
			for v, p := range f.prior[j][c] {
				counts[j][c][v] = priorTexts * p
			}
		}
	}
	total := 0.0
	for i, p := range f.patterns {
		total += p.texts
		for c, post := range f.posts[i] {
			n := p.texts * post
			mass[c] += n
			for j, v := range p.votes {
				counts[j][c][vote(v, k)] += n
			}
		}
	}
	for c := range f.Balance {
		f.Balance[c] = (mass[c] + 1) / (total + float64(k))
	}
	f.fixBalance()
	for j := range counts {
		for c := range counts[j] {
			for v, n := range counts[j][c] {
				f.Tables[j][c][v] = max(n/(mass[c]+priorTexts), 1e-6)
			}
		}
	}
}

// posterior sets p to the probability of each label given votes, those of functions skip and skip2 (or -1) left out.
func (m *Model) posterior(p []float64, votes []int16, skip, skip2 int) {
	k := len(p)
	most := math.Inf(-1)
	for c := range p {
		p[c] = math.Log(m.Balance[c])
		for j, v := range votes {
			if j != skip && j != skip2 {
				p[c] += m.Weights[j] * math.Log(m.Tables[j][c][vote(v, k)])
			}
		}
		most = max(most, p[c])
	}
	sum := 0.0
	for c := range p {
		p[c] = math.Exp(p[c] - most)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

// Probabilities returns how likely each label is given the votes of a text; ok is false where nobody voted, and they are
// the balance of the labels.
func (m *Model) Probabilities(votes []int16) (p []float64, ok bool) {
	for _, v := range votes {
		ok = ok || v != Abstain
	}
	if !ok {
		return append([]float64(nil), m.Balance...), false
	}
	p = make([]float64, len(m.Balance))
	m.posterior(p, votes, -1, -1)
	return p, true
}

// Accuracy estimates how often function j is right when it votes; NaN where it never does.
func (m *Model) Accuracy(j int) float64 {
	right, voted := 0.0, 0.0
	for c, b := range m.Balance {
		for l, p := range m.Tables[j][c][:len(m.Balance)] {
			voted += b * p
			if l == c {
				right += b * p
			}
		}
	}
	return right / voted
}
