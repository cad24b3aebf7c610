package model

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// ngram is a linear model over hashed n-grams of tokens and of characters within words, weighted by TF-IDF: the class
// of fastText's classifier (Joulin et al. 2016) and of a linear support vector machine over TF-IDF.
//
// n-grams are known by their 64-bit hash alone. The ones that occur in enough training texts become features; a hash
// table from hash to feature number is part of the weights file and is used where it lies, so opening a model reads
// none of it.
type ngram struct {
	config   NGrams
	dropout  float32
	pair     bool
	form     bool // the form of a text is among its features
	features int
	table    gramTable
	idf      []float32
	idfParam *nn.Param
}

func newNGram(c *Config, _ inputs) Network {
	return &ngram{config: c.NGram, dropout: float32(c.Dropout), pair: c.Pair, form: c.NGram.ReadsForm()}
}

func (m *ngram) declare(ps *nn.Params) shape {
	m.idfParam = ps.Add("ngram.idf", func(w []float32, _ []int, _ func() float64) { copy(w, m.idf) }, m.features)
	m.idfParam.Frozen, m.idfParam.Decay = true, false
	return shape{width: m.features, sparse: true}
}

// Forward weights the features of each text: in holds feature numbers, as often as they occur.
func (m *ngram) Forward(t *nn.Tape, input *Input) Hidden {
	in := &input.Tokens
	x := t.NewSparse(m.features)
	idf := m.idfParam.Data
	counted, weighted := m.config.Weighting != "binary", m.config.weighted()
	for s := range in.Len() {
		sorted := inOrder(t, in.Sequence(s), m.features)
		first, sum := len(x.Value), 0.0
		x.Index, x.Value = slices.Grow(x.Index, len(sorted)), slices.Grow(x.Value, len(sorted))
		for i := 0; i < len(sorted); {
			id, n := sorted[i], 0
			for ; i < len(sorted) && sorted[i] == id; i++ {
				n++
			}
			v := float32(1)
			if counted && n > 1 {
				v += logOf(n)
			}
			if weighted {
				v *= idf[id]
			}
			x.Index, x.Value = append(x.Index, id), append(x.Value, v)
			sum += float64(v) * float64(v)
		}
		scale := float32(1 / math.Sqrt(max(sum, 1e-12)))
		for i := first; i < len(x.Value); i++ {
			x.Value[i] *= scale
		}
		x.Offsets = append(x.Offsets, int32(len(x.Value)))
	}
	return Hidden{Sparse: t.SparseDropout(x, m.dropout)}
}

// logs holds the logarithms of small numbers.
var logs = func() (of [256]float32) {
	for n := range of {
		of[n] = float32(math.Log(float64(n)))
	}
	return of
}()

func logOf(n int) float32 {
	if n < len(logs) {
		return logs[n]
	}
	return float32(math.Log(float64(n)))
}

const (
	fewToSort  = 64     // so few numbers are sorted fastest by comparing them
	mostDigit  = 11     // bits
	fewPlaces  = 2 << 8 // of digits: their counts are cleared in no time
	mostPlaces = 2 << mostDigit
)

// inOrder returns numbers below limit, of at most featureBits, in rising order, many of them by radix sort: of two digits
// where these have not many more values than there are numbers, of three otherwise.
func inOrder(t *nn.Tape, ids []int32, limit int) []int32 {
	ids = t.Ints(ids)
	if len(ids) < fewToSort {
		slices.Sort(ids)
		return ids
	}
	passes, width := 3, bits.Len(uint(limit-1))
	if width <= 2*mostDigit && 1<<(width/2) <= 2*len(ids) {
		passes = 2
	}
	digit := (width + passes - 1) / passes
	if passes<<digit <= fewPlaces {
		var counts [fewPlaces]int32
		return byDigits(ids, t.Ints(ids), digit, counts[:passes<<digit])
	}
	var counts [mostPlaces]int32
	return byDigits(ids, t.Ints(ids), digit, counts[:passes<<digit])
}

// byDigits sorts numbers by their digits of so many bits, the lowest first, between two buffers, one of which it returns.
// counts has a place for each value of each digit, and is zero.
func byDigits(from, to []int32, digit int, counts []int32) []int32 {
	size, mask := 1<<digit, int32(1)<<digit-1
	for _, id := range from {
		for at, rest := 0, id; at < len(counts); at, rest = at+size, rest>>digit {
			counts[at+int(rest&mask)]++
		}
	}
	for shift := 0; len(counts) > 0; shift += digit {
		places, sum := counts[:size], int32(0)
		for i, n := range places { // where the numbers that have the digit begin
			places[i] = sum
			sum += n
		}
		for _, id := range from {
			at := &places[id>>shift&mask]
			to[*at] = id
			*at++
		}
		from, to, counts = to, from, counts[size:]
	}
	return from
}

// joint marks a network that reads both texts of a pair at once.
func (m *ngram) joint() {}

// Vocabulary returns the number of features.
func (m *ngram) Vocabulary() int { return m.features }

// Features appends the numbers of the known features of an encoded text, or of a pair of texts.
func (m *ngram) Features(dst []int32, e, pair Encoded) []int32 {
	m.some(e, pair, func(hashes []uint64) { dst = m.table.findAll(dst, hashes) })
	return dst
}

// lookups are so many n-grams as are looked up at a time: memory fetches their places side by side.
const lookups = 64

// hashList gathers hashes and gives them on, at most lookups at a time.
type hashList struct {
	hashes [lookups]uint64
	n      int
	yield  func(hashes []uint64)
}

func (l *hashList) add(h uint64) {
	if l.n == lookups {
		l.flush()
	}
	l.hashes[l.n] = h
	l.n++
}

//go:noinline // so that add is
func (l *hashList) flush() {
	l.yield(l.hashes[:l.n])
	l.n = 0
}

// some calls yield with the hashes of all features, at most lookups at a time. Those of a pair are the n-grams that both
// texts have, those of the first alone and those of the second alone: three different features of one n-gram.
func (m *ngram) some(e, pair Encoded, yield func(hashes []uint64)) {
	if !m.pair || pair.Encoding == nil {
		m.hashes(e, yield)
		return
	}
	in := map[uint64]uint8{}
	note := func(text Encoded, which uint8) {
		m.hashes(text, func(hashes []uint64) {
			for _, h := range hashes {
				in[h] |= which
			}
		})
	}
	note(e, inFirst)
	note(pair, inSecond)
	all := hashList{yield: yield}
	for _, h := range slices.Sorted(maps.Keys(in)) {
		all.add(ofPair(h, in[h]))
	}
	all.flush()
}

// Which text of a pair has a feature; both where both bits are set.
const inFirst, inSecond = 1, 2

// ofPair is the hash of a feature of a pair whose texts, or one of them, have that with hash h.
func ofPair(h uint64, in uint8) uint64 { return finish(h ^ uint64(in)*prime) }

// hashes calls yield with the hash of each n-gram of a text, and of all that is known of it, at most lookups at a time.
func (m *ngram) hashes(e Encoded, yield func(hashes []uint64)) {
	list := hashList{yield: yield}
	defer list.flush()
	for _, h := range e.Known {
		list.add(h)
	}
	for i := range e.Pieces {
		h := uint64(tokenSeed)
		for n := 0; n < m.config.Tokens && i+n < len(e.Pieces); n++ {
			p := e.Pieces[i+n]
			h = hashBytes(h, e.Text[p.Start:p.End])
			list.add(h)
		}
	}
	if m.form {
		formHashes(e, list.add)
	}
	if m.config.CharsMax < m.config.CharsMin {
		return
	}
	// A word is a run of pieces with nothing between them; its ends take part as one character each. Beside a Chinese
	// character a space is one character more, and no end: there it stands where a comma could.
	for i := 0; i < len(e.Pieces); {
		start, end := e.Pieces[i].Start, e.Pieces[i].End
		for i++; i < len(e.Pieces) && (e.Pieces[i].Start == end || chineseAround(e.Text, end, e.Pieces[i].Start)); i++ {
			end = e.Pieces[i].End
		}
		m.charHashes(e.Text[start:end], &list)
	}
}

// chineseAround tells whether there is a Chinese character before place from of a text or behind place to.
func chineseAround(s []byte, from, to int) bool {
	before, _ := utf8.DecodeLastRune(s[:from])
	behind, _ := utf8.DecodeRune(s[to:])
	return unicode.Is(unicode.Han, before) || unicode.Is(unicode.Han, behind)
}

func (m *ngram) charHashes(word []byte, list *hashList) {
	const boundary = 0x110000 // no character
	var buffer [128]rune
	chars := append(buffer[:0], boundary)
	for _, c := range string(word) {
		chars = append(chars, c)
	}
	chars = append(chars, boundary)
	for i := range len(chars) - 1 { // the last boundary begins nothing
		h := uint64(charSeed)
		for n, c := range chars[i:min(i+m.config.CharsMax, len(chars))] {
			h = (h ^ uint64(c)) * prime
			h ^= h >> 29
			if n+1 >= m.config.CharsMin {
				list.add(finish(h))
			}
		}
	}
}

const (
	tokenSeed = 0x9ae16a3b2f90404f
	charSeed  = 0xc3a5c85c97cb3127
	prime     = 0x9fb21c651e98df25
)

// hashBytes continues the hash h with one more token.
func hashBytes(h uint64, b []byte) uint64 {
	for len(b) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 29
		b = b[8:]
	}
	h = (h ^ uint64(len(b))<<56 ^ littleEndian(b)) * prime
	return finish(h ^ h>>32)
}

// littleEndian returns up to seven bytes as a number, which is read in pieces that may overlap.
func littleEndian(b []byte) uint64 {
	switch n := len(b); {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1))
	}
	return 0
}

func finish(h uint64) uint64 {
	h = (h ^ h>>31) * 0xbf58476d1ce4e5b9
	return h ^ h>>29
}

// maxCandidates bounds the n-grams that are counted at once: beyond it, those seen in one text so far are forgotten,
// which can only lose features that are rare for their first appearance (lossy counting, Manku & Motwani 2002).
const maxCandidates = 6 << 20

// Fit counts in how many texts each n-gram occurs, keeps the most frequent ones, and weighs them.
func (m *ngram) Fit(examples iter.Seq[Example]) error {
	counts := newGramCounts()
	texts, labels := int32(0), 0
	for e := range examples {
		texts++
		for _, c := range e.Classes {
			labels = max(labels, int(c)+1)
		}
		m.some(e.text(), e.pair(), func(hashes []uint64) { counts.add(hashes, texts) })
		if counts.taken > maxCandidates {
			counts.rebuild(len(counts.slots), 1)
		}
	}
	type feature struct {
		hash  uint64
		texts int32
	}
	var kept []feature
	for _, c := range counts.slots {
		if int(c.texts) >= max(m.config.MinTexts, 1) {
			kept = append(kept, feature{c.hash(), c.texts})
		}
	}
	if len(kept) == 0 {
		return hint.Errorf("add texts, or set model.ngram.min_texts to 1", "choosing n-grams: none of the %d occurs in %d of the %d training texts", counts.taken, m.config.MinTexts, texts)
	}
	slices.SortFunc(kept, func(a, b feature) int {
		return cmp.Or(cmp.Compare(b.texts, a.texts), cmp.Compare(a.hash, b.hash))
	})
	kept = kept[:min(len(kept), m.config.MaxFeatures, 1<<featureBits-2)]
	m.features = len(kept)
	table := make(slots, 8<<bits.Len(uint(2*len(kept))))
	m.table = table
	m.idf = make([]float32, len(kept))
	for i, f := range kept {
		table.insert(f.hash, i)
		m.idf[i] = inverse(texts, f.texts)
	}
	if m.favours(labels) {
		m.favourTelling(m.countByLabel(examples, labels), labels)
	}
	return nil
}

// inverse is the inverse document frequency of a feature of with out of all texts.
func inverse(texts, with int32) float32 {
	return float32(math.Log(float64(1+texts)/float64(1+with)) + 1)
}

// favours tells whether features are weighted by what they tell of so many labels.
func (m *ngram) favours(labels int) bool {
	return m.config.Weighting == "nb" && labels > 1 && labels*m.features <= maxLabelCounts
}

// favourTelling multiplies the weight of each feature by √|r|, r being the log-count ratio of naive Bayes (Wang &
// Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification") for the label that the
// feature tells most of: the logarithm of how much likelier it is in texts with the label than in the others. The root
// is between their weighting and none, and did best on validation parts of sentiment, topics and intents.
//
// with holds in how many texts of each label each feature occurs, [features, labels].
func (m *ngram) favourTelling(with []int32, labels int) {
	all := make([]float64, m.features)
	sums, total := make([]float64, labels), 0.0
	for f := range all {
		for c, n := range with[f*labels : (f+1)*labels] {
			all[f] += float64(n)
			sums[c] += float64(n) + 1
		}
		total += all[f]
	}
	for f := range all {
		most := 0.0
		for c, n := range with[f*labels : (f+1)*labels] {
			others := total - sums[c] + 2*float64(m.features)
			r := math.Log((float64(n) + 1) / sums[c] / ((all[f] - float64(n) + 1) / others))
			most = max(most, math.Abs(r))
		}
		m.idf[f] *= float32(math.Sqrt(most))
	}
}

// maxLabelCounts bounds the memory of countByLabel, to 256 MB; with more labels than that features are weighed by their
// frequency alone.
const maxLabelCounts = 64 << 20

// countByLabel returns in how many texts of each label each feature occurs, [features, labels].
func (m *ngram) countByLabel(examples iter.Seq[Example], labels int) []int32 {
	counts, last := make([]int32, m.features*labels), make([]int32, m.features) // last: text in which a feature was seen
	var features []int32
	text := int32(0)
	for e := range examples {
		features = m.Features(features[:0], e.text(), e.pair())
		text++
		for _, f := range features {
			if last[f] == text {
				continue
			}
			last[f] = text
			for _, c := range e.Classes {
				counts[int(f)*labels+int(c)]++
			}
		}
	}
	return counts
}

// buffers are what a network keeps beside its weights, in the same file.
func (m *ngram) buffers() []safetensors.Tensor { return m.table.tensors() }

// setBuffers takes back what buffers gave, and refuses what would send lookups out of bounds or around forever.
func (m *ngram) setBuffers(get func(name string) (safetensors.Tensor, bool)) error {
	idf, ok := get("ngram.idf")
	if !ok || len(idf.Shape) < 1 {
		return fmt.Errorf("the weights of n-grams (ngram.idf) are missing or malformed")
	}
	m.features = idf.Shape[0]
	var err error
	m.table, err = readTable(get, m.features)
	return err
}

// scores makes the values of features from how often a text has them, as Forward does, and scores them: the graph knows
// features by their numbers.
func (m *ngram) scores(g *graph.Graph, w, b *nn.Param) *graph.Value {
	ids := g.Input(graph.InputNGrams, graph.Int, graph.Batch, graph.Count)
	counts := g.Input(graph.InputCounts, graph.Float, graph.Batch, graph.Count)
	one := g.Number(1)
	v := g.Min(counts, one) // 0 for padding
	if m.config.Weighting != "binary" {
		v = g.Mul(v, g.Add(g.Log(g.Max(counts, one)), one))
	}
	if m.config.weighted() {
		v = g.Mul(v, g.Gather(g.Param(m.idfParam), ids))
	}
	length := g.Sqrt(g.Max(g.Sum(g.Mul(v, v), 1), g.Number(1e-12)))
	v = g.Div(v, length) // [batch, features]
	rows := g.Mul(g.Gather(g.Param(w), ids), g.Reshape(v, graph.Batch, graph.Count, 1))
	return g.Add(g.Reshape(g.Sum(rows, 1), graph.Batch, w.Width()), g.Param(b))
}
