package data

// tagScheme is how the letters of tags mark the ends of entities.
type tagScheme string

const (
	iob1  tagScheme = "IOB1"  // I inside; B only where an entity follows another of its type
	iob2  tagScheme = "BIO"   // B begins every entity
	bioes tagScheme = "BIOES" // also E at the end and S for single tokens; BMES is the same with M for I
)

// schemeSigns collects what tells the schemes apart.
type schemeSigns struct {
	before         string // type of the tag before
	four           bool   // E or S occurs
	insideBegins   bool   // I where no entity of its type goes on: not IOB2
	beginsAnywhere bool   // B where none of its type went before: not IOB1
}

func (s *schemeSigns) tag(prefix byte, label string) {
	switch prefix {
	case 'E', 'S':
		s.four = true
	case 'I':
		s.insideBegins = s.insideBegins || label != s.before
	case 'B':
		s.beginsAnywhere = s.beginsAnywhere || label != s.before
	}
	s.before = label
}

// scheme is the one that the signs speak for. A file with signs of both IOB1 and IOB2 is IOB2 with mistakes: B is the rule
// there and the exception in IOB1.
func (s *schemeSigns) scheme() tagScheme {
	switch {
	case s.four:
		return bioes
	case s.insideBegins && !s.beginsAnywhere:
		return iob1
	}
	return iob2
}

// breaks tells whether a tag must not follow another in the scheme. The letter before the first tag is 0, after the last
// one stands O.
func (s tagScheme) breaks(before byte, beforeLabel string, tag byte, label string) bool {
	goesOn := beforeLabel != "" && label == beforeLabel
	switch s {
	case iob2:
		return tag == 'I' && !goesOn
	case bioes:
		open := before == 'B' || before == 'I'
		continues := (tag == 'I' || tag == 'E') && goesOn
		return open && !continues || !open && (tag == 'I' || tag == 'E')
	}
	return false
}
