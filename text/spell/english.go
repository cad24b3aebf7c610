package spell

import (
	"context"
	"math"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Chance of a slip for each word that is written.
const slipOfWord = 0.005

const (
	shortestWord = 4  // shorter words are one edit from too many others
	leastCount   = 10 // of the word that was meant
	leastRatio   = 10 // of its count to that of the misspelling
	mostCount    = 1000
)

// vocabulary counts words, in lower case, and their neighbours.
type vocabulary struct {
	number map[string]int32
	words  []word
	pairs  map[[2]int32]int32 // a word and the one behind it
	total  float64
	once   float64 // words that occur once
	letter *spelling
}

type word struct {
	form  string
	count int32
	names int32 // times with a capital within a sentence
}

// noWord stands before the first word of a sentence and behind the last.
const noWord int32 = -1

// eachWord calls f with the words of s: runs of ASCII letters, apostrophes within; end tells of a sentence's end before
// it. Words with other letters or digits in them are left out.
func eachWord(s string, f func(form string, end bool)) {
	end := true
	for at := 0; at < len(s); {
		if !isLetter(rune(s[at])) {
			if s[at] >= 0x80 || strings.IndexByte(".!?;:\n()\"", s[at]) >= 0 {
				end = true
			}
			at++
			continue
		}
		from := at
		for at < len(s) && (isLetter(rune(s[at])) || s[at] == '\'' && at+1 < len(s) && isLetter(rune(s[at+1]))) {
			at++
		}
		odd := at < len(s) && (s[at] >= '0' && s[at] <= '9' || s[at] >= 0x80) || from > 0 && (s[from-1] >= '0' && s[from-1] <= '9' || s[from-1] >= 0x80)
		if odd {
			end = true
			continue
		}
		f(s[from:at], end)
		end = false
	}
}

func (v *vocabulary) add(s string) {
	last := noWord
	eachWord(s, func(form string, end bool) {
		lower := strings.ToLower(form)
		n, ok := v.number[lower]
		if !ok {
			n = int32(len(v.words))
			lower = strings.Clone(lower)
			v.number[lower] = n
			v.words = append(v.words, word{form: lower})
		}
		w := &v.words[n]
		w.count++
		switch {
		case end:
			last = noWord
		case form[0] < 'a':
			w.names++
		}
		v.pairs[[2]int32{last, n}]++
		last = n
		v.total++
	})
}

// candidate is a word that may have been meant.
type candidate struct {
	word    int32
	slip    float64 // log of the channel's probability
	context float64 // log of how much likelier its neighbours make it, summed over places
	places  int
}

func proposeEnglish(ctx context.Context, corpus []string, o *Options) ([]Proposal, error) {
	v := &vocabulary{number: map[string]int32{}, pairs: map[[2]int32]int32{}}
	for i, s := range corpus {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			o.Progress("counting words", int64(i), int64(len(corpus)))
		}
		v.add(s)
	}
	v.letter = newSpelling()
	for _, w := range v.words {
		if w.count == 1 {
			v.once++
		}
		v.letter.add(w.form)
	}
	suspects := v.suspects()
	for _, s := range corpus {
		v.weighNeighbours(s, suspects)
	}
	var out []Proposal
	for wrong, candidates := range suspects {
		if p, ok := v.decide(wrong, candidates); ok && p.Confidence >= o.Least {
			out = append(out, p)
		}
	}
	newExamples(corpus, o.Examples).fill(out)
	return out, ctx.Err()
}

// suspects returns the rare words that are one edit away from frequent ones.
func (v *vocabulary) suspects() map[int32][]candidate {
	index := map[string][]int32{} // frequent words by what is left of them without one letter
	for n, w := range v.words {
		if w.count >= leastCount && len(w.form) >= shortestWord-1 {
			for s := range shortened(w.form) {
				index[s] = append(index[s], int32(n))
			}
		}
	}
	out := map[int32][]candidate{}
	for n, w := range v.words {
		if len(w.form) < shortestWord || w.count > mostCount || w.names*2 >= w.count {
			continue // a word that has a capital more often than not is a name
		}
		seen := map[int32]bool{}
		for s := range shortened(w.form) {
			for _, other := range index[s] {
				if seen[other] || other == int32(n) {
					continue
				}
				seen[other] = true
				meant := v.words[other]
				if float64(meant.count) < leastRatio*float64(w.count) || meant.names*2 > meant.count {
					continue
				}
				if slip := slipOf(meant.form, w.form); slip > 0 {
					out[int32(n)] = append(out[int32(n)], candidate{word: other, slip: math.Log(slip)})
				}
			}
		}
	}
	return out
}

// weighNeighbours adds to candidates what the neighbours of their suspects in s say.
func (v *vocabulary) weighNeighbours(s string, suspects map[int32][]candidate) {
	before, here := noWord, noWord // the two words that were read last
	judge := func(after int32) {
		if here == noWord {
			return
		}
		candidates := suspects[here]
		for i := range candidates {
			c := &candidates[i]
			c.context += v.company(before, c.word) + v.company2(c.word, after)
			c.places++
		}
	}
	eachWord(s, func(form string, end bool) {
		n := v.number[strings.ToLower(form)]
		if end {
			judge(noWord)
			before, here = noWord, noWord
		} else {
			judge(n)
		}
		before, here = here, n
	})
	judge(noWord)
}

// mixed is the weight of the pair beside the single word.
const mixed = 0.6

// company returns the log of how much likelier word n is behind the word before it than anywhere.
func (v *vocabulary) company(before, n int32) float64 {
	pair := float64(v.pairs[[2]int32{before, n}])
	if before == noWord {
		return 0
	}
	of := float64(v.words[before].count)
	alone := float64(v.words[n].count) / v.total
	return math.Log(mixed*pair/of/alone + 1 - mixed)
}

// company2 returns the log of how much likelier the word after it is behind word n than anywhere.
func (v *vocabulary) company2(n, after int32) float64 {
	if after == noWord {
		return 0
	}
	return v.company(n, after)
}

// decide weighs the best candidate of a word against the word being meant.
func (v *vocabulary) decide(wrong int32, candidates []candidate) (Proposal, bool) {
	w := v.words[wrong]
	var best *candidate
	most := math.Inf(-1)
	for i := range candidates {
		if score := v.slipOdds(&candidates[i], float64(w.count)); score > most {
			best, most = &candidates[i], score
		}
	}
	if best == nil {
		return Proposal{}, false
	}
	meant := v.words[best.word]
	// Or the word is meant: one of the rare words of the corpus, spelt like its words; counts fall as Zipf's law says.
	k := float64(w.count)
	genuine := math.Log(v.once) + v.letter.logProbability(w.form) - math.Log(k*(k+1)/2)
	p := Proposal{Kind: "one edit", Count: int(w.count), Rights: int(meant.count)}
	p.Correction = text.Correction{Wrong: w.form, Right: meant.form, Confidence: confidence(trustOfWords * (most - genuine - inflection(meant.form, w.form)))}
	return p, p.Confidence >= 0.5
}

const (
	habit         = 30  // people who slip once at a place slip there again, so many times likelier than others
	trustOfWords  = 0.7 // of the log odds: what they are made of is not independent
	weightyPlaces = 3   // so many places are counted as independent
)

// slipOdds is the log of how often the candidate is expected to be written like this by mistake, k times, with the
// neighbours that there are.
func (v *vocabulary) slipOdds(c *candidate, k float64) float64 {
	once := float64(v.words[c.word].count) * slipOfWord * math.Exp(c.slip)
	places := float64(max(c.places, 1))
	return math.Log(once) + (k-1)*math.Log(min(0.5, habit*once)) + c.context/places*min(places, weightyPlaces)
}
