package model

import (
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

const formSeed = 0xb492b66fbe98f273

// MostForm is how many features the form of one text has at the most.
const MostForm = 6

// formHashes calls yield with what the form of a text is: how many characters it has, and how many of its tokens stand
// apart from the one before (words; in Chinese, spaces), each to a quarter, a half and a whole octave, so that texts of
// nearly one length share what is known of it.
func formHashes(e Encoded, yield func(h uint64)) {
	if len(e.Pieces) == 0 {
		return
	}
	gaps := 0
	for i := 1; i < len(e.Pieces); i++ {
		if e.Pieces[i].Start > e.Pieces[i-1].End {
			gaps++
		}
	}
	for kind, n := range [...]int{utf8.RuneCount(e.Text[e.Pieces[0].Start:e.Pieces[len(e.Pieces)-1].End]), gaps} {
		eighth := eighths(n)
		for width := uint64(2); width <= 8; width *= 2 {
			nearest := (eighth + width/2) / width
			yield(formHash(kind, width, nearest))
		}
	}
}

func formHash(kind int, width, nearest uint64) uint64 {
	return finish((formSeed ^ uint64(kind)<<32 ^ width<<16 ^ nearest) * prime)
}

// eighths returns how many eighths of an octave n lies above ½, rounded down: 8 + ⌊8·log₂ n⌋, 0 for 0.
func eighths(n int) uint64 {
	if n <= 0 {
		return 0
	}
	octave := bits.Len(uint(n)) - 1
	within := uint64(n) << 16 >> octave // n / 2^octave, in 1/65536
	eighth := uint64(8 * (octave + 1))
	for _, step := range [...]uint64{71468, 77936, 84990, 92682, 101071, 110218, 120194} { // 65536 · 2^(i/8)
		if within >= step {
			eighth++
		}
	}
	return eighth
}

// Form is the part of a linear model that scores the form of texts (NGrams.Form): features that can be hidden, which
// then count nothing.
type Form struct {
	model   *Model
	network *ngram
	weight  *nn.Param
	rows    []int32   // features of form
	values  []float32 // their weights when they are not hidden
}

// Form returns that part of a model of family ngram; nil where it has none.
func (m *Model) Form() *Form {
	network, ok := m.Network.(*ngram)
	if !ok || !network.form || !network.config.weighted() {
		return nil
	}
	f := &Form{model: m, network: network, weight: network.idfParam}
	for kind := range 2 {
		for width := uint64(2); width <= 8; width *= 2 {
			for nearest := uint64(0); nearest <= 8*(bits.UintSize+1)/width; nearest++ {
				f.add(formHash(kind, width, nearest))
			}
		}
	}
	slices.Sort(f.rows)
	f.rows = slices.Compact(f.rows) // hashes that the table cannot tell apart
	for _, row := range f.rows {
		f.values = append(f.values, f.weight.Data[row])
	}
	return f
}

// add notes the feature with a hash, or of a pair those that are made of it.
func (f *Form) add(h uint64) {
	hashes := []uint64{h}
	if f.network.pair {
		hashes = []uint64{ofPair(h, inFirst), ofPair(h, inSecond), ofPair(h, inFirst|inSecond)}
	}
	f.rows = f.network.table.findAll(f.rows, hashes)
}

// Hide makes the form of texts count nothing.
func (f *Form) Hide() {
	for _, row := range f.rows {
		f.weight.Data[row] = 0
	}
}

// Show makes it count again.
func (f *Form) Show() {
	for i, row := range f.rows {
		f.weight.Data[row] = f.values[i]
	}
}

// Settle says in the configuration whether the form of texts is read from now on.
func (f *Form) Settle(read bool) {
	f.network.form, f.model.Config.NGram.Form = read, "no"
	if read {
		f.model.Config.NGram.Form = "yes"
	}
	f.network.config.Form = f.model.Config.NGram.Form
}
