package text

// wordLevel takes each piece as one token.
type wordLevel struct {
	tokens []string
	ids    map[string]int32
	unk    int32
}

func newWordLevel(tokens []string, unk int32) *wordLevel {
	w := &wordLevel{tokens: tokens, ids: make(map[string]int32, len(tokens)), unk: unk}
	for i, t := range tokens {
		w.ids[t] = int32(i)
	}
	return w
}

func (w *wordLevel) encode(s string, p Span, e *Encoding) {
	id, ok := w.ids[s[p.Start:p.End]]
	if !ok {
		id = w.unk
	}
	e.IDs, e.Pieces = append(e.IDs, id), append(e.Pieces, p)
}

func (w *wordLevel) vocabulary() []string { return w.tokens }
func (w *wordLevel) unknown() int32       { return w.unk }

func (w *wordLevel) id(token string) (int32, bool) {
	id, ok := w.ids[token]
	return id, ok
}
