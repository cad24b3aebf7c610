package text

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Candidate is a string of Chinese characters that may be a word.
type Candidate struct {
	Word     string   `json:"word"`
	Count    int      `json:"count"`
	Cohesion float64  `json:"cohesion"` // least pointwise mutual information of its two parts over all ways to cut it, in bits
	Left     float64  `json:"left"`     // entropy of the characters before it, in bits
	Right    float64  `json:"right"`    // entropy of those after it
	Score    float64  `json:"score"`    // what candidates are ordered by
	Examples []string `json:"examples"` // stretches of text that hold it
}

// Discovery says which strings are candidates.
type Discovery struct {
	MaxLength int     // characters; 0 for 4
	MinCount  int     // 0 for 10
	Cohesion  float64 // at least, in bits; 0 for 5
	Entropy   float64 // on both sides at least, in bits; 0 for 1.2
	Limit     int     // at most so many candidates; 0 for all
}

const (
	maxStrings  = 3 << 20 // different strings that are counted at once; beyond it the rarest are forgotten
	maxExamples = 3
	edge        = '\x00' // stands for the beginning and the end of a run of Chinese characters, each time another neighbour
)

// Discover finds words that the segmenter's dictionaries lack: strings of two to MaxLength Chinese characters that
// occur often, whose parts occur together much more often than chance has it (cohesion), and that stand between ever
// different neighbours (boundary entropy). texts is walked over twice: first the strings are counted, then the
// neighbours and examples of those that cohere. progress, which may be nil, is told how many texts were read.
//
// Memory is bounded: of more than three million different strings the rarest are forgotten.
func Discover(ctx context.Context, texts iter.Seq2[string, error], seg *WordSegmenter, d Discovery, progress func(done int64)) ([]Candidate, error) {
	d.fill()
	f := &finder{Discovery: d, segmenter: seg, counts: map[string]int32{}, progress: progress}
	if err := f.walk(ctx, texts, f.count); err != nil {
		return nil, err
	}
	f.choose()
	if err := f.walk(ctx, texts, f.look); err != nil {
		return nil, err
	}
	return f.candidates(), nil
}

func (d *Discovery) fill() {
	d.MaxLength = min(cmp.Or(d.MaxLength, 4), 8)
	d.MinCount = cmp.Or(d.MinCount, 10)
	d.Cohesion = cmp.Or(d.Cohesion, 5)
	d.Entropy = cmp.Or(d.Entropy, 1.2)
}

// finder is the state of a discovery.
type finder struct {
	Discovery
	segmenter *WordSegmenter
	counts    map[string]int32
	total     float64 // characters
	chosen    map[string]*sighting
	progress  func(done int64)
	read      int64
	ends      []int // of the characters of a run, in bytes
}

// sighting is what the second walk sees of a candidate.
type sighting struct {
	cohesion    float64
	left, right map[rune]int32
	cut         int // how often the segmenter's words cut it in a way that leaves one of its ends within a longer word
	seen        int
	examples    []string
}

// walk calls do with each run of Chinese characters, and the text that it stands in.
func (f *finder) walk(ctx context.Context, texts iter.Seq2[string, error], do func(run, text string)) error {
	for s, err := range texts {
		if err == nil && f.read%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for at := 0; at < len(s); {
			from := at
			for at < len(s) {
				r, n := utf8.DecodeRuneInString(s[at:])
				if !isChinese(r) {
					break
				}
				at += n
			}
			if at > from {
				do(s[from:at], s)
			}
			_, n := utf8.DecodeRuneInString(s[at:])
			at += n
		}
		if f.read++; f.progress != nil && f.read%256 == 0 {
			f.progress(f.read)
		}
	}
	return nil
}

// offsets returns where the characters of a run end, with a 0 before.
func (f *finder) offsets(run string) []int {
	f.ends = append(f.ends[:0], 0)
	for at, r := range run {
		f.ends = append(f.ends, at+utf8.RuneLen(r))
	}
	return f.ends
}

// count counts all strings of up to MaxLength characters.
func (f *finder) count(run, _ string) {
	ends := f.offsets(run)
	f.total += float64(len(ends) - 1)
	for i := range ends[1:] {
		for j := i + 1; j < len(ends) && j <= i+f.MaxLength; j++ {
			f.counts[run[ends[i]:ends[j]]]++
		}
	}
	if len(f.counts) <= maxStrings {
		return
	}
	for floor := int32(1); len(f.counts) > maxStrings/2; floor++ {
		for s, n := range f.counts {
			if n <= floor && utf8.RuneCountInString(s) > 1 {
				delete(f.counts, s)
			}
		}
	}
}

// choose keeps the strings that are frequent, cohere, and are in no dictionary.
func (f *finder) choose() {
	f.chosen = map[string]*sighting{}
	for s, n := range f.counts {
		if int(n) < f.MinCount || utf8.RuneCountInString(s) < 2 || f.segmenter.Knows(s) {
			continue
		}
		if c := f.cohesion(s, n); c >= f.Cohesion {
			f.chosen[s] = &sighting{cohesion: c, left: map[rune]int32{}, right: map[rune]int32{}}
		}
	}
}

// cohesion is log₂ p(ab)/(p(a)·p(b)) for the cut into a and b that makes it least.
func (f *finder) cohesion(s string, n int32) float64 {
	least := math.Inf(1)
	for at := range s {
		if at == 0 {
			continue
		}
		a, b := f.counts[s[:at]], f.counts[s[at:]]
		if a == 0 || b == 0 {
			return 0 // parts that were forgotten were rare, and so is the whole
		}
		least = min(least, math.Log2(float64(n)*f.total/(float64(a)*float64(b))))
	}
	return least
}

// look notes the neighbours of the chosen strings.
func (f *finder) look(run, text string) {
	if !f.mayHold(run) {
		return
	}
	starts, ends := f.wordEdges(run)
	at := f.offsets(run)
	for i := range at[1:] {
		for j := i + 2; j < len(at) && j <= i+f.MaxLength; j++ {
			s := f.chosen[run[at[i]:at[j]]]
			if s == nil {
				continue
			}
			s.seen++
			if !starts[at[i]] || !ends[at[j]] {
				s.cut++
			}
			before, after := edge, edge
			if i > 0 {
				before, _ = utf8.DecodeLastRuneInString(run[:at[i]])
			}
			if j < len(at)-1 {
				after, _ = utf8.DecodeRuneInString(run[at[j]:])
			}
			s.left[before]++
			s.right[after]++
			if len(s.examples) < maxExamples && s.seen%3 == 1 {
				s.examples = append(s.examples, around(text, run[at[i]:at[j]]))
			}
		}
	}
}

// mayHold tells whether a run is long enough to hold a candidate.
func (f *finder) mayHold(run string) bool {
	return len(f.chosen) > 0 && utf8.RuneCountInString(run) > 1
}

// wordEdges returns where words of the segmenter begin and end in a run.
func (f *finder) wordEdges(run string) (starts, ends map[int]bool) {
	starts, ends = map[int]bool{}, map[int]bool{}
	for _, span := range f.segmenter.Segment(run) {
		starts[span.Start], ends[span.End] = true, true
	}
	return starts, ends
}

// around returns the text around the first place of a word, on one line.
func around(text, word string) string {
	const reach = 10 // characters
	at := strings.Index(text, word)
	from, to := at, at+len(word)
	for range reach {
		if from > 0 {
			_, n := utf8.DecodeLastRuneInString(text[:from])
			from -= n
		}
		if to < len(text) {
			_, n := utf8.DecodeRuneInString(text[to:])
			to += n
		}
	}
	return strings.Join(strings.Fields(text[from:to]), " ")
}

// entropy of neighbours, in bits. Each edge of a run counts as a neighbour of its own.
func entropy(neighbours map[rune]int32) float64 {
	total, h := 0.0, 0.0
	for _, n := range neighbours {
		total += float64(n)
	}
	for r, n := range neighbours {
		p := float64(n) / total
		if r == edge {
			h += p * math.Log2(total)
			continue
		}
		h -= p * math.Log2(p)
	}
	return h
}

// candidates judges what was seen and returns the best first.
func (f *finder) candidates() []Candidate {
	var list []Candidate
	for word, s := range f.chosen {
		c := Candidate{Word: word, Count: s.seen, Cohesion: s.cohesion, Left: entropy(s.left), Right: entropy(s.right), Examples: s.examples}
		if min(c.Left, c.Right) < f.Entropy || f.isPhrase(word, s) {
			continue
		}
		c.Score = math.Log2(float64(c.Count)) * c.Cohesion * min(c.Left, c.Right)
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Candidate) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Word, b.Word)) })
	if f.Limit > 0 {
		list = list[:min(len(list), f.Limit)]
	}
	return list
}

// Known words stand together often and are phrases all the same (质量很好, 看视频): the more of a candidate is known
// words, the more it must cohere, by so many bits above Discovery.Cohesion.
const (
	twoKnownWords = 6   // 平板 + 电脑
	oneKnownWord  = 3.5 // 看 + 视频
)

// isPhrase tells of strings that cohere and are no words: those that words of the text often overlap, so that they are
// pieces of longer ones, those with a word of grammar in them, and those of known words that do not cohere enough.
func (f *finder) isPhrase(word string, s *sighting) bool {
	if 3*s.cut > s.seen {
		return true
	}
	singles, known := 0, 0
	for _, span := range f.segmenter.Segment(word) {
		r, n := utf8.DecodeRuneInString(word[span.Start:])
		switch {
		case n < span.End-span.Start:
			known++
		case grammatical(r):
			return true
		default:
			singles++
		}
	}
	switch {
	case known > 0 && singles == 0:
		return s.cohesion < f.Cohesion+twoKnownWords
	case known > 0:
		return s.cohesion < f.Cohesion+oneKnownWord
	}
	return false
}

// grammatical tells of characters that stand beside words and are part of few: particles, pronouns, adverbs of degree,
// prepositions, numbers, measures.
func grammatical(r rune) bool { return strings.ContainsRune(grammarCharacters, r) }

const grammarCharacters = "的了着过是在有和与也就都很太还又不没我你他她它这那哪个些么吗吧呢啊呀哦嘛被把让给对从到于以为之其而且但如果因所要会能可想去来说等一二两三四五六七八九十几多每次第天年月日里上下中后前时做用最更非已再才只及或将向"
