package text

// EncodeOptions are what can be asked of EncodeText and EncodePair.
type EncodeOptions struct {
	Special   bool // add the special tokens of the post-processor: [CLS], [SEP], <s>
	MaxTokens int  // at most so many tokens, special ones included; 0 for all
}

// Truncation is the section of that name in tokenizer.json. It is kept, and its strategy and direction are followed; how
// long a text may be is said by EncodeOptions.
type Truncation struct {
	Direction string `json:"direction"` // Right or Left: where tokens are dropped
	MaxLength int    `json:"max_length"`
	Strategy  string `json:"strategy"` // LongestFirst, OnlyFirst or OnlySecond
	Stride    int    `json:"stride"`
}

// Padding is the section of that name in tokenizer.json. It is kept and not followed: batches here are not padded.
type Padding struct {
	Strategy  any    `json:"strategy"` // "BatchLongest", or {"Fixed": n}
	Direction string `json:"direction"`
	Multiple  *int   `json:"pad_to_multiple_of"`
	PadID     int32  `json:"pad_id"`
	PadTypeID int32  `json:"pad_type_id"`
	PadToken  string `json:"pad_token"`
}

// Truncation returns what the tokenizer's file says of truncation, nil for nothing.
func (t *Tokenizer) Truncation() *Truncation { return t.truncation }

// Padding returns what the tokenizer's file says of padding, nil for nothing.
func (t *Tokenizer) Padding() *Padding { return t.padding }

// EncodeText replaces e by the tokens of s, with what the options ask for. TypeIDs, Special and Second are filled.
func (t *Tokenizer) EncodeText(e *Encoding, s string, o EncodeOptions) {
	t.assemble(e, t.wrapping().single, []string{s}, o)
}

// EncodePair replaces e by the tokens of two texts in one sequence, with what the options ask for. Spans count in the
// text that Second tells.
func (t *Tokenizer) EncodePair(e *Encoding, a, b string, o EncodeOptions) {
	t.assemble(e, t.wrapping().pair, []string{a, b}, o)
}

// SpecialTokens returns how many special tokens EncodeText, or EncodePair, adds when asked to.
func (t *Tokenizer) SpecialTokens(pair bool) (n int) {
	parts := t.wrapping().single
	if pair {
		parts = t.wrapping().pair
	}
	for _, p := range parts {
		if p.text < 0 {
			n++
		}
	}
	return n
}

func (t *Tokenizer) wrapping() *wrapping {
	if t.wrapped.set {
		return &t.wrapped
	}
	return &plain
}

func (t *Tokenizer) assemble(e *Encoding, parts []wrapPart, texts []string, o EncodeOptions) {
	w := e.scratch()
	var encoded [2]*Encoding
	for i, s := range texts {
		if w.texts[i] == nil {
			w.texts[i] = &Encoding{}
		}
		encoded[i] = w.texts[i]
		t.EncodeTo(encoded[i], s)
	}
	if o.MaxTokens > 0 {
		room := o.MaxTokens
		if o.Special {
			room = max(0, room-t.SpecialTokens(len(texts) == 2))
		}
		t.truncate(encoded[0], encoded[1], room)
	}
	e.around(parts, encoded, o.Special)
	for _, part := range encoded[:len(texts)] {
		e.Dropped += part.Dropped
	}
	if n := o.MaxTokens; n > 0 { // where not even the special tokens fit
		e.Cut(n)
	}
}

// Wrap replaces e by a text, or by two (b is nil for one), that are encoded already, with the special tokens of the
// post-processor around them if asked for. Spans count in the text that Second tells.
func (t *Tokenizer) Wrap(e, a, b *Encoding, special bool) {
	parts := t.wrapping().single
	if b != nil {
		parts = t.wrapping().pair
	}
	e.around(parts, [2]*Encoding{a, b}, special)
}

// Slice replaces e by the tokens from to to of another encoding, to not included.
func (e *Encoding) Slice(of *Encoding, from, to int) {
	e.IDs, e.Spans = append(e.IDs[:0], of.IDs[from:to]...), append(e.Spans[:0], of.Spans[from:to]...)
	e.Pieces, e.Text = e.Pieces[:0], e.Text[:0]
	e.TypeIDs, e.Special, e.Second = e.TypeIDs[:0], e.Special[:0], e.Second[:0]
	if from == to {
		return
	}
	low, high := of.Pieces[from].Start, 0
	for _, p := range of.Pieces[from:to] {
		low, high = min(low, p.Start), max(high, p.End)
	}
	e.Text = append(e.Text, of.Text[low:high]...)
	for _, p := range of.Pieces[from:to] {
		e.Pieces = append(e.Pieces, Span{p.Start - low, p.End - low})
	}
}

// around replaces e by parts: texts that are encoded already and special tokens.
func (e *Encoding) around(parts []wrapPart, encoded [2]*Encoding, special bool) {
	e.IDs, e.Spans, e.Pieces, e.Text = e.IDs[:0], e.Spans[:0], e.Pieces[:0], e.Text[:0]
	e.TypeIDs, e.Special, e.Second, e.Dropped = e.TypeIDs[:0], e.Special[:0], e.Second[:0], 0
	for _, p := range parts {
		if p.text < 0 {
			if special {
				e.append(p.id, Span{len(e.Text), len(e.Text)})
				e.Spans = append(e.Spans, Span{})
				e.TypeIDs, e.Special, e.Second = append(e.TypeIDs, p.typeID), append(e.Special, true), append(e.Second, false)
			}
			continue
		}
		part, base := encoded[p.text], len(e.Text)
		e.IDs, e.Spans, e.Text = append(e.IDs, part.IDs...), append(e.Spans, part.Spans...), append(e.Text, part.Text...)
		for _, piece := range part.Pieces {
			e.Pieces = append(e.Pieces, Span{base + piece.Start, base + piece.End})
			e.TypeIDs, e.Special, e.Second = append(e.TypeIDs, p.typeID), append(e.Special, false), append(e.Second, p.text == 1)
		}
	}
}

// truncate cuts one text, or two, to n tokens in all.
func (t *Tokenizer) truncate(a, b *Encoding, n int) {
	first, second := len(a.IDs), 0
	if b != nil {
		second = len(b.IDs)
	}
	if first+second <= n {
		return
	}
	strategy := "LongestFirst"
	left := false
	if t.truncation != nil {
		strategy, left = t.truncation.Strategy, t.truncation.Direction == "Left"
	}
	switch {
	case b == nil:
		first = n
	case strategy == "OnlyFirst":
		first, second = max(0, n-second), min(second, n)
	case strategy == "OnlySecond":
		first, second = min(first, n), max(0, n-first)
	default:
		first, second = longestFirst(first, second, n)
	}
	a.shorten(first, left)
	if b != nil {
		b.shorten(second, left)
	}
}

// longestFirst shares n tokens: the shorter text stays whole if it fits into half of them.
func longestFirst(a, b, n int) (int, int) {
	short := min(a, b)
	long := max(short, n-short)
	if short+long > n {
		short = n / 2
		long = short + n%2
	}
	if a > b {
		return long, short
	}
	return short, long
}

// shorten keeps n tokens, the first or the last ones.
func (e *Encoding) shorten(n int, left bool) {
	if drop := len(e.IDs) - n; left && drop > 0 {
		e.IDs = append(e.IDs[:0], e.IDs[drop:]...)
		e.Spans = append(e.Spans[:0], e.Spans[drop:]...)
		e.Pieces = append(e.Pieces[:0], e.Pieces[drop:]...)
		e.Dropped += drop
	}
	e.Cut(n)
}
