package spell

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hanzi"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// What stands for characters that are not Chinese.
const (
	border  uint16 = iota + 1 // punctuation, space, the end of a text
	letters                   // a run of letters
	digits                    // a run of digits
)

func isHan(s uint16) bool { return s >= 0x3400 && s <= 0x9fff }

// Chance of a slip for each character that is written, and how likely its kinds are beside each other.
const slipOfCharacter = 0.002

var kindWeight = [...]float64{hanzi.SameSound: 1, hanzi.SameSyllable: 0.4, hanzi.NearSound: 0.1, hanzi.LookAlike: 0.4}

const (
	wordBonus      = 3.0 // log odds for a candidate that makes a word of the dictionary, or against one that breaks one
	trust          = 0.5 // of the sum of log probabilities: the places of a window are not independent
	leniency       = 5.0 // log odds for a stretch that a judgement with more in view has chosen
	leastConfident = 0.5 // a place that is less sure is left alone
)

// chinese finds the places of a corpus where another character fits better.
type chinese struct {
	stream    []uint16
	grams     ngrams
	total     map[rune]float64 // of the weights of a character's confusions
	segmenter text.Segmenter
}

// judgement is a place of the stream and what should stand there.
type judgement struct {
	at      int
	right   uint16
	kind    hanzi.Kind
	logOdds float64
}

func proposeChinese(ctx context.Context, corpus []string, o *Options) ([]Proposal, error) {
	segmenter, err := text.NewSegmenter()
	if err != nil {
		return nil, err
	}
	c := &chinese{segmenter: segmenter}
	for _, s := range corpus {
		c.append(s)
	}
	if !slices.ContainsFunc(c.stream, isHan) {
		return nil, nil
	}
	const block = 1 << 14
	for from := 0; from < len(c.stream); from += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A block counts the sequences that begin in it.
		c.grams.addAll(c.stream[from:min(from+block+order-1, len(c.stream))], min(block, len(c.stream)-from))
		o.Progress("counting characters", int64(from), int64(len(c.stream)))
	}
	judged, err := c.judgeAll(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.proposals(judged, corpus, o), nil
}

// append adds a text to the stream.
func (c *chinese) append(s string) {
	last := border
	for _, r := range s {
		symbol := symbolOf(r)
		if symbol != last || isHan(symbol) {
			c.stream = append(c.stream, symbol)
			last = symbol
		}
	}
	c.stream = append(c.stream, border)
}

func symbolOf(r rune) uint16 {
	switch {
	case r >= 0x3400 && r <= 0x9fff:
		return uint16(r)
	case r >= '0' && r <= '9':
		return digits
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xc0 && r <= 0x24f:
		return letters
	}
	return border
}

// judgeAll judges every place, on all processors.
func (c *chinese) judgeAll(ctx context.Context, o *Options) ([]judgement, error) {
	const block = 1 << 13
	c.total = map[rune]float64{}
	for _, s := range c.grams.slots {
		if s.key < 1<<16 && isHan(uint16(s.key)) {
			r := rune(s.key)
			for _, confusion := range hanzi.Confusions(r) {
				c.total[r] += kindWeight[confusion.Kind]
			}
		}
	}
	results := make([][]judgement, (len(c.stream)+block-1)/block)
	var next, done int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				mu.Lock()
				at := next
				next++
				mu.Unlock()
				if at >= len(results) || ctx.Err() != nil {
					return
				}
				for i := at * block; i < min((at+1)*block, len(c.stream)); i++ {
					if j, ok := c.judge(i); ok {
						results[at] = append(results[at], j)
					}
				}
				mu.Lock()
				done++
				o.Progress("weighing characters", int64(min(done*block, len(c.stream))), int64(len(c.stream)))
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return slices.Concat(results...), ctx.Err()
}

// judge finds the character that fits place i best, if it is not the one that stands there.
func (c *chinese) judge(i int) (best judgement, ok bool) {
	if !isHan(c.stream[i]) || i < middle || i+middle >= len(c.stream) {
		return best, false
	}
	w := window(c.stream[i-middle : i+middle+1])
	left, right := c.grams.count(key(w[middle-1:middle+1]...))-1, c.grams.count(key(w[middle:middle+2]...))-1
	if c.grams.count(key(w[middle-1:middle+2]...)) > 3 || min(left, right) > 20 {
		return best, false // it is usual here
	}
	here := w[middle]
	const floor = -8 // below, not even words of the dictionary can help
	best.logOdds = floor
	base, known := 0.0, false
	for _, confusion := range hanzi.Confusions(rune(here)) {
		other := uint16(confusion.Rune)
		w[middle] = other
		l, r := c.grams.count(key(w[middle-1:middle+1]...)), c.grams.count(key(w[middle:middle+2]...))
		if l+r < 3 || l <= left && r <= right {
			continue
		}
		if !known {
			w[middle] = here
			base, known = c.grams.score(&w, true), true
			w[middle] = other
		}
		logOdds := trust * (c.grams.score(&w, false) - base + math.Log(c.slip(confusion.Rune, confusion.Kind)))
		if logOdds > best.logOdds {
			best = judgement{i, other, confusion.Kind, logOdds}
		}
	}
	if best.right == 0 {
		return best, false
	}
	best.logOdds += c.words(i, best.right)
	return best, confidence(best.logOdds) >= leastConfident
}

// words weighs what the dictionary says about a candidate: whether a word holds it, and one holds what stands there.
func (c *chinese) words(i int, right uint16) float64 {
	const reach = 4
	from, to := i, i+1
	for from > 0 && i-from < reach && isHan(c.stream[from-1]) {
		from--
	}
	for to < len(c.stream) && to-i <= reach && isHan(c.stream[to]) {
		to++
	}
	run := slices.Clone(c.stream[from:to])
	before := c.inWord(run, i-from)
	run[i-from] = right
	after := c.inWord(run, i-from)
	switch {
	case before == 1 && after > 1:
		return wordBonus
	case before > 1 && after == 1:
		return -2 * wordBonus
	case before > 1 && after <= before:
		return -wordBonus
	case after == 1: // single characters are often all right
		return -wordBonus / 2
	}
	return 0
}

// inWord returns how many characters the word at place i of a run has.
func (c *chinese) inWord(run []uint16, i int) int {
	s := write(run)
	at := 3 * i // bytes: these characters have three each
	for _, span := range c.segmenter.Segment(s) {
		if span.Start <= at && at < span.End {
			return (span.End - span.Start) / 3
		}
	}
	return 1
}

func write(symbols []uint16) string {
	var b strings.Builder
	for _, s := range symbols {
		b.WriteRune(rune(s))
	}
	return b.String()
}

// pattern is a stretch of the stream that holds a place, and what should stand there.
type pattern struct {
	stretch uint64
	place   uint8 // in the stretch
	right   uint16
}

// tally sums the judgements of a pattern.
type tally struct {
	n       int
	logOdds float64
}

const shortest = 2

// patterns calls f with the stretches of Chinese around a judged place, shorter ones first.
func (c *chinese) patterns(j *judgement, f func(p pattern, n int)) {
	for n := shortest; n <= order; n++ {
		for from := max(j.at-n+1, 0); from <= j.at && from+n <= len(c.stream); from++ {
			if stretch := c.stream[from : from+n]; !slices.ContainsFunc(stretch, func(s uint16) bool { return !isHan(s) }) {
				f(pattern{key(stretch...), uint8(j.at - from), j.right}, n)
			}
		}
	}
}

// proposals turns judgements into corrections of stretches: for each place the shortest stretch that the corpus has
// nowhere but where the same was judged.
func (c *chinese) proposals(judged []judgement, corpus []string, o *Options) []Proposal {
	tallies := map[pattern]*tally{}
	for i := range judged {
		c.patterns(&judged[i], func(p pattern, _ int) {
			t := tallies[p]
			if t == nil {
				t = &tally{}
				tallies[p] = t
			}
			t.n++
			t.logOdds += judged[i].logOdds
		})
	}
	chosen := map[pattern]hanzi.Kind{}
	for i := range judged {
		var best pattern
		length, most := 0, 0
		c.patterns(&judged[i], func(p pattern, n int) {
			right := c.grams.count(p.corrected(n))
			if length != 0 && n > length || tallies[p].n < c.grams.count(p.stretch) || right < leastRight[n] || right <= most {
				return
			}
			if c.isWord(p.write(p.stretch)) || n == shortest && !c.isWord(p.write(p.corrected(n))) {
				return // two characters are too little to go by, unless they are a word
			}
			best, length, most = p, n, right
		})
		if length > 0 {
			chosen[best] = judged[i].kind
		}
	}
	var out []Proposal
	for p, kind := range chosen {
		n := p.length()
		correction := text.Correction{Wrong: p.write(p.stretch), Right: p.write(p.corrected(n))}
		correction.Confidence = confidence(min(tallies[p].logOdds/float64(tallies[p].n), c.elsewhere(p, n, kind)))
		if correction.Confidence >= o.Least {
			out = append(out, Proposal{Correction: correction, Kind: kind.String(), Count: tallies[p].n, Rights: c.grams.count(p.corrected(n))})
		}
	}
	newExamples(corpus, o.Examples).fill(out)
	return out
}

// elsewhere is the log odds of a slip where nothing is seen but the stretch: it must be likelier that the right one is
// written wrong than that the wrong one is meant.
func (c *chinese) elsewhere(p pattern, n int, kind hanzi.Kind) float64 {
	var symbols [order]uint16
	for i := range n {
		symbols[i] = uint16(p.stretch >> (16 * (n - 1 - i)))
	}
	slips := float64(c.grams.count(p.corrected(n))) * c.slip(rune(p.right), kind)
	meant := math.Log(c.grams.total) + c.grams.stretch(symbols[:n])
	return trust*(math.Log(slips)-meant) + leniency
}

// slip is the probability that a character is written as another of a kind.
func (c *chinese) slip(meant rune, kind hanzi.Kind) float64 {
	return slipOfCharacter * kindWeight[kind] / c.total[meant]
}

// leastRight is how often the corrected stretch of so many characters must occur.
var leastRight = [order + 1]int{2: 4, 3: 3, 4: 2}

func (c *chinese) isWord(s string) bool { return len(c.segmenter.Segment(s)) == 1 }

func (p pattern) length() int {
	n := 0
	for k := p.stretch; k != 0; k >>= 16 {
		n++
	}
	return n
}

// corrected returns the stretch, of n characters, with the right one in its place.
func (p pattern) corrected(n int) uint64 {
	shift := 16 * (n - 1 - int(p.place))
	return p.stretch&^(0xffff<<shift) | uint64(p.right)<<shift
}

func (p pattern) write(stretch uint64) string {
	var b [3 * order]byte
	at := len(b)
	for k := stretch; k != 0; k >>= 16 {
		at -= 3
		utf8.EncodeRune(b[at:], rune(k&0xffff))
	}
	return string(b[at:])
}
