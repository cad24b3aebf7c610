package text

// wordLevel takes each piece as one token.
type wordLevel struct {
	vocab
	unk int32
}

func newWordLevel(tokens []string, unk int32) *wordLevel {
	return &wordLevel{newVocab(tokens), unk}
}

func (w *wordLevel) encode(s string, p Span, e *Encoding) {
	id, ok := w.id(s[p.Start:p.End])
	if !ok {
		id = w.unk
	}
	e.append(id, p)
}

func (w *wordLevel) unknown() int32 { return w.unk }
