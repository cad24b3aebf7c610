package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Imitation is what a student takes over from inside a teacher, beside its answers (Targets.Soft). A weight of 0 leaves a
// part out.
type Imitation struct {
	Teacher *model.Model `json:"-"`       // whose inside is looked at; needed for Relations and Hidden alone
	Digest  string       `json:"teacher"` // of it

	Relations float64 `json:"relations,omitempty"` // weight of how tokens attend to each other in the last layers: queries, keys and values (nn.Tape.RelationLoss)
	Heads     int     `json:"heads,omitempty"`     // parts in which they are compared; 0 to choose
	Hidden    float64 `json:"hidden,omitempty"`    // weight of the squared distance of hidden states, through a learnt projection where widths differ (Jiao et al. 2020, "TinyBERT")
	Layers    []int   `json:"layers,omitempty"`    // the teacher's layer, from 1, that each of the student's imitates; nil to spread them evenly

	Vectors float64 `json:"vectors,omitempty"` // weight of the distance of what the head reads from Targets.Vectors, through a learnt projection where widths differ
	Cosine  bool    `json:"cosine,omitempty"`  // that distance is 1 − the cosine, and not the mean square
}

// imitating is an imitation in progress. Its projections are parameters of the student while it learns.
type imitating struct {
	*Imitation
	form   *encoder.Config // of the student's layers
	heads  int
	pairs  []int     // the teacher's state, from 0 for the embeddings, for each of the student's
	hidden *nn.Param // [teacher's width, student's]; nil where they are equal
	text   *nn.Param // [width of Targets.Vectors, width of what the head reads]; nil where they are equal
	width  int       // of Targets.Vectors

	tape       *nn.Tape // of the teacher
	input      model.Input
	kept       model.Kept
	before     []int32 // special tokens that the teacher reads around a text, and the student does not
	after      []int32
	inside     []int32 // rows of the teacher's states that are tokens of the student's; nil: all
	qkv        []float32
	states     [][]float32
	weights    nn.Weights
	ofStudent  model.Kept
	qkvColumns int
}

// newImitating checks what is to be compared and declares the projections; nil where nothing is.
func newImitating(m *model.Model, set *Set, c *Config) (*imitating, error) {
	if c.Imitation == nil {
		return nil, nil
	}
	if c.Optimizer == "dual" || m.Width() == 0 {
		return nil, hint.Errorf("leave out distill.relations, distill.hidden and distill.embedding", "training: what is inside a teacher: the family %s has no states to compare", m.Config.Family)
	}
	im := &imitating{Imitation: c.Imitation}
	if im.Relations > 0 || im.Hidden > 0 {
		if err := im.compareLayers(m); err != nil {
			return nil, err
		}
	}
	if im.Vectors > 0 {
		if im.width = len(set.Targets.Vectors) / set.Len(); im.width == 0 || set.Input.Tokens.Len() != set.Len() || m.Config.OfTokens() {
			return nil, hint.Errorf("set distill.embedding to 0", "training: vectors of texts are compared where a model reads single texts and judges them as a whole")
		}
		im.text = project(m, "imitation.text.weight", im.width, m.Width(), c.Seed)
	}
	if im.Hidden > 0 {
		im.hidden = project(m, "imitation.hidden.weight", im.Teacher.Layered().Hidden, m.Layered().Hidden, c.Seed)
	}
	return im, nil
}

// project declares a matrix between two widths; nil where they are equal.
func project(m *model.Model, name string, out, in int, seed uint64) *nn.Param {
	if out == in {
		return nil
	}
	p := m.Params.Add(name, nn.Xavier, out, in)
	p.Data = make([]float32, p.Size())
	m.Params.Draw(p, seed)
	return p
}

// compareLayers finds out what of both networks' layers is compared.
func (im *imitating) compareLayers(m *model.Model) error {
	student, teacher := m.Layered(), im.Teacher.Layered()
	im.form = student
	if student == nil || teacher == nil {
		family := m.Config.Family
		if student != nil {
			family = im.Teacher.Config.Family
		}
		return hint.Errorf("choose transformers, or use distill.embedding, which every network can", "training: relations and hidden states: the family %s has no transformer layers", family)
	}
	if !sameTokens(m, im.Teacher) {
		return hint.Errorf("set distill.init to tokenizer or layers: then it does", "training: relations and hidden states are those of tokens, and the student does not read the tokens that its teacher reads")
	}
	if im.Teacher.Specials() && !m.Specials() {
		im.before, im.after = im.Teacher.Around()
	}
	if most := im.Teacher.Config.MaxTokens - len(im.before) - len(im.after); m.Config.MaxTokens > most {
		return hint.Errorf(fmt.Sprintf("set model.max_tokens to %d at most", most), "training: relations and hidden states: the student reads %d tokens of a text, its teacher fewer", m.Config.MaxTokens)
	}
	if im.Relations > 0 {
		if im.heads = im.Heads; im.heads == 0 {
			im.heads = commonParts(teacher.Heads, student, teacher)
		}
		for _, width := range widths(student, teacher) {
			if width%im.heads != 0 {
				return hint.Errorf("choose a number that divides both widths, or 0", "training: distill.relation_heads: %d parts of queries, keys and values that are %v wide", im.heads, widths(student, teacher))
			}
		}
	}
	if im.Hidden == 0 {
		return nil
	}
	if im.pairs = append(im.pairs, 0); im.Layers != nil && len(im.Layers) != student.Layers {
		return hint.Errorf("name one of the teacher's for each of the student's, or leave distill.layers out", "training: hidden states: %d layers of the teacher for the student's %d", len(im.Layers), student.Layers)
	}
	for i := 1; i <= student.Layers; i++ {
		of := int(math.Round(float64(i*teacher.Layers) / float64(student.Layers)))
		if im.Layers != nil {
			of = im.Layers[i-1]
		}
		if of < 1 || of > teacher.Layers {
			return hint.Errorf(fmt.Sprintf("name numbers from 1 to %d", teacher.Layers), "training: hidden states: the teacher has no layer %d", of)
		}
		im.pairs = append(im.pairs, of)
	}
	return nil
}

// widths are those of queries and keys of both networks.
func widths(student, teacher *encoder.Config) []int {
	return []int{student.QueryWidth(), student.KeyWidth(), teacher.QueryWidth(), teacher.KeyWidth()}
}

// commonParts is the largest number, up to that of the teacher's heads, that divides all widths.
func commonParts(most int, student, teacher *encoder.Config) int {
	for n := most; n > 1; n-- {
		if !slices.ContainsFunc(widths(student, teacher), func(width int) bool { return width%n != 0 }) {
			return n
		}
	}
	return 1
}

// sameTokens tells whether two models' ids mean the same.
func sameTokens(a, b *model.Model) bool {
	if a.Tokenizer.VocabSize() != b.Tokenizer.VocabSize() {
		return false
	}
	for id := range int32(a.Tokenizer.VocabSize()) {
		if a.Tokenizer.Token(id) != b.Tokenizer.Token(id) {
			return false
		}
	}
	return true
}

// begin is called once the trainer has its workers.
func (im *imitating) begin(tr *Trainer) {
	if im == nil {
		return
	}
	tr.batch.Keep = &im.ofStudent
	if im.pairs != nil || im.heads > 0 {
		im.tape = nn.NewTape(tr.pool)
		im.ofStudent.States, im.kept.States = new(encoder.States), new(encoder.States)
		im.input.Keep = &im.kept
	}
}

// end takes the projections out of the student.
func (im *imitating) end(tr *Trainer) {
	if im == nil {
		return
	}
	tr.batch.Keep = nil
	for _, p := range []*nn.Param{im.hidden, im.text} {
		if p != nil {
			tr.model.Params.Remove(p)
		}
	}
}

// look has the teacher read the batch.
func (im *imitating) look(batch *model.Input) {
	if im == nil || im.tape == nil {
		return
	}
	in := &im.input
	in.Reset()
	im.inside = im.inside[:0]
	for i := range batch.Tokens.Len() {
		ids := batch.Tokens.Sequence(i)
		if im.before != nil || im.after != nil {
			ids = slices.Concat(im.before, ids, im.after)
		}
		from := in.Tokens.Tokens() + len(im.before)
		in.Tokens.Append(ids)
		for at := range len(batch.Tokens.Sequence(i)) {
			im.inside = append(im.inside, int32(from+at))
		}
	}
	if len(batch.Types) == in.Tokens.Tokens() {
		in.Types = append(in.Types, batch.Types...)
	}
	im.tape.Begin(nn.Inference, 0, 0)
	im.Teacher.Look(im.tape, in)
	if im.heads > 0 {
		im.qkv, im.qkvColumns = im.ofStudents(im.qkv[:0], im.kept.States.QKV), im.kept.States.QKV.Cols
	}
	for len(im.states) < len(im.pairs) {
		im.states = append(im.states, nil)
	}
	for i, of := range im.pairs {
		im.states[i] = im.ofStudents(im.states[i][:0], im.kept.States.Layers[of])
	}
}

// ofStudents copies the rows of those tokens that the student reads.
func (im *imitating) ofStudents(dst []float32, x *nn.Var) []float32 {
	for _, row := range im.inside {
		dst = append(dst, x.Row(int(row))...)
	}
	return dst
}

// add returns the loss with what the student's inside lacks to its teacher's.
func (im *imitating) add(t *nn.Tape, loss *nn.Var, batch *model.Input, y *model.Targets) *nn.Var {
	if im == nil {
		return loss
	}
	if im.heads > 0 {
		loss = t.Sum(loss, im.relations(t, &batch.Tokens), float32(im.Relations))
	}
	for i := range im.pairs {
		x := im.ofStudent.States.Layers[i]
		if im.hidden != nil {
			x = t.Linear(x, im.hidden, nil, nn.Identity)
		}
		loss = t.Sum(loss, t.Regression(x, im.states[i], 0, nil), float32(im.Hidden)/float32(len(im.pairs)))
	}
	if im.Vectors > 0 {
		loss = t.Sum(loss, im.vectors(t, y), float32(im.Vectors))
	}
	return loss
}

// relations is the sum of those of queries, keys and values, as MiniLMv2 has it.
func (im *imitating) relations(t *nn.Tape, tokens *tensor.Packed) *nn.Var {
	student, teacher := im.ofStudent.States.QKV, im.Teacher.Layered()
	s := im.form
	var sum *nn.Var
	from, of := 0, 0
	for i := range 3 {
		width, ofWidth := s.KeyWidth(), teacher.KeyWidth()
		if i == 0 {
			width, ofWidth = s.QueryWidth(), teacher.QueryWidth()
		}
		loss := t.RelationLoss(student, im.qkv, tokens.Offsets, nn.Relation{Heads: im.heads, From: from, Width: width, Of: of, OfWidth: ofWidth, TeacherColumn: im.qkvColumns})
		if sum == nil {
			sum = loss
		} else {
			sum = t.Sum(sum, loss, 1)
		}
		from, of = from+width, of+ofWidth
	}
	return sum
}

// vectors is the distance of what the head reads from the teacher's vectors; texts without one are passed over.
func (im *imitating) vectors(t *nn.Tape, y *model.Targets) *nn.Var {
	x := im.ofStudent.Text
	if im.text != nil {
		x = t.Linear(x, im.text, nil, nn.Identity)
	}
	if im.Cosine {
		return t.CosineDistance(x, y.Vectors)
	}
	im.weights = im.weights[:0]
	for i := range x.Rows {
		weight := float32(0)
		if slices.ContainsFunc(y.Vectors[i*im.width:(i+1)*im.width], func(v float32) bool { return v != 0 }) {
			weight = 1
		}
		im.weights = append(im.weights, weight)
	}
	return t.Regression(x, y.Vectors, 0, im.weights)
}
