package weak

import "math"

// Functions that repeat each other would count twice: two spellings of one keyword are one voice. They are weighed down so
// that a group of copies counts as one.

// sameVotes is the share of the texts on which either of two functions votes from which on they are copies: even functions
// that are right 19 times in 20 differ more often.
const sameVotes = 0.95

// maxDependencePatterns bounds the combinations of votes that dependence is looked for in.
const maxDependencePatterns = 5000

// weighRepeats gives functions that are copies of each other a weight of one together.
func (m *Model) weighRepeats(all []pattern) {
	n := len(m.Weights)
	copies := make([]int, n)
	for a := range n {
		copies[a]++
		for b := range a {
			same, either := 0.0, 0.0
			for _, p := range all {
				va, vb := p.votes[a], p.votes[b]
				if va != Abstain || vb != Abstain {
					either += p.texts
					if va == vb {
						same += p.texts
					}
				}
			}
			if either > 0 && same >= sameVotes*either {
				copies[a]++
				copies[b]++
				m.Repeats = append(m.Repeats, [2]int{b, a})
			}
		}
	}
	for j, c := range copies {
		m.Weights[j] = 1 / float64(c)
	}
}

// leastDependence is the share of what is open in a function's votes, once the label is known, that another explains from
// which on it is taken as repeating it. Less comes by chance and from labels that have more than one kind of text.
const leastDependence = 0.25

// weighDependence weighs functions down that tell more of each other's votes than the labels explain, and tells whether
// there are any. The measure is the mutual information of two functions' votes given the label, as a share of the
// smaller one's entropy given the label; the label is judged without the two.
func (f *fit) weighDependence() bool {
	n := len(f.Weights)
	if n < 4 || len(f.patterns) > maxDependencePatterns {
		return false // with fewer, nobody is left to judge the two
	}
	known := map[[2]int]bool{}
	for _, r := range f.Repeats {
		known[r] = true
	}
	extra := make([]float64, n)
	for a := range n {
		for b := range a {
			if known[[2]int{b, a}] {
				continue
			}
			if u := f.dependence(a, b); u > leastDependence {
				extra[a] += u
				extra[b] += u
				f.Repeats = append(f.Repeats, [2]int{b, a})
			}
		}
	}
	changed := false
	for j, e := range extra {
		if e > 0 {
			f.Weights[j] = 1 / (1/f.Weights[j] + e)
			changed = true
		}
	}
	return changed
}

// dependence is the measure for functions a and b.
func (f *fit) dependence(a, b int) float64 {
	k, post := f.labels, make([]float64, f.labels)
	joint := make([][]float64, k) // of each label, [votes of a, votes of b]
	for c := range joint {
		joint[c] = make([]float64, (k+1)*(k+1))
	}
	total, together := 0.0, 0.0
	for _, p := range f.patterns {
		f.posterior(post, p.votes, a, b)
		for c, q := range post {
			joint[c][vote(p.votes[a], k)*(k+1)+vote(p.votes[b], k)] += p.texts * q
		}
		total += p.texts
		if p.votes[a] != Abstain && p.votes[a] == p.votes[b] {
			together += p.texts
		}
	}
	if together < 20 {
		return 0
	}
	information, ha, hb := 0.0, 0.0, 0.0
	for c := range joint {
		mass, left, right := 0.0, make([]float64, k+1), make([]float64, k+1)
		for i, n := range joint[c] {
			mass += n
			left[i/(k+1)] += n
			right[i%(k+1)] += n
		}
		if mass == 0 {
			continue
		}
		for i, n := range joint[c] {
			if n > 0 {
				information += n / total * math.Log(n*mass/(left[i/(k+1)]*right[i%(k+1)]))
			}
		}
		ha, hb = ha+entropy(left, mass, total), hb+entropy(right, mass, total)
	}
	if least := min(ha, hb); least > 1e-9 {
		return max(information, 0) / least
	}
	return 0
}

// entropy of counts that sum to mass, weighed by mass among total.
func entropy(counts []float64, mass, total float64) float64 {
	h := 0.0
	for _, n := range counts {
		if n > 0 {
			h -= n / total * math.Log(n/mass)
		}
	}
	return h
}
