package text

// Span is a range of bytes, Start included, End not.
type Span struct{ Start, End int }

// edit replaces a range of a text. Every step that changes a text, in cleaning and in tokenizers, is a function that
// finds edits: in rising order, without overlap, none of an empty range.
type edit struct {
	from, to int
	with     string
}

// applyEdits returns s with the edits made.
func applyEdits(s string, edits []edit) string {
	if len(edits) == 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	at := 0
	for _, e := range edits {
		out = append(append(out, s[at:e.from]...), e.with...)
		at = e.to
	}
	return view(append(out, s[at:]...))
}

// Aligned is a text on its way through cleaning and normalisation: what it was, what it is now, and for each byte of
// what it is, where that stands in what it was. No stage can forget the offsets, because none sees them.
type Aligned struct {
	Original string
	Text     string
	origin   []origin // by byte of Text; nil while Text is Original
}

// origin is the range of the original that a byte stands for.
type origin struct{ start, end int32 }

// NewAligned returns a text that nothing has changed yet.
func NewAligned(s string) *Aligned { return &Aligned{Original: s, Text: s} }

// Source returns the range of the original that a range of the current text stands for. A range that begins or ends
// within a character that was replaced takes all of that character.
func (a *Aligned) Source(s Span) Span {
	if a.origin == nil {
		return s
	}
	if s.Start == s.End {
		at := len(a.Original)
		if s.Start < len(a.origin) {
			at = int(a.origin[s.Start].start)
		}
		return Span{at, at}
	}
	return Span{int(a.origin[s.Start].start), int(a.origin[s.End-1].end)}
}

// apply makes edits and keeps the alignment.
func (a *Aligned) apply(edits []edit) {
	if len(edits) == 0 {
		return
	}
	size := len(a.Text)
	for _, e := range edits {
		size += len(e.with) - (e.to - e.from)
	}
	next := make([]origin, 0, size)
	keep := func(from, to int) {
		if a.origin != nil {
			next = append(next, a.origin[from:to]...)
			return
		}
		// A byte stands for its whole character, so that a cut within one still names it.
		for at := from; at < to; {
			n := characterLength(a.Text, at)
			for range n {
				next = append(next, origin{int32(at), int32(at + n)})
			}
			at += n
		}
	}
	at := 0
	for _, e := range edits {
		keep(at, e.from)
		source := a.Source(Span{e.from, e.to})
		for range len(e.with) {
			next = append(next, origin{int32(source.Start), int32(source.End)})
		}
		at = e.to
	}
	keep(at, len(a.Text))
	a.Text, a.origin = applyEdits(a.Text, edits), next
}
