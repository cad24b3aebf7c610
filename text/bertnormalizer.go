package text

import "unicode/utf8"

// bertNormalizer is the cleaning of BERT (Devlin et al. 2019): control characters go, white space becomes spaces,
// Chinese characters get spaces around them, accents go (NFD, then without marks), letters become small.
type bertNormalizer struct {
	Clean   bool  `json:"clean_text"`
	Chinese bool  `json:"handle_chinese_chars"`
	Accents *bool `json:"strip_accents"` // null: as Lower
	Lower   bool  `json:"lowercase"`

	ascii [utf8.RuneSelf]asciiAction
}

type asciiAction uint8

const (
	keepASCII asciiAction = iota
	dropASCII
	spaceASCII
	smallASCII
)

func (n *bertNormalizer) prepare() error {
	for c := range n.ascii {
		switch k := classOf(rune(c)); {
		case n.Clean && (k&unprintable != 0):
			n.ascii[c] = dropASCII
		case n.Clean && k&space != 0 && c != ' ':
			n.ascii[c] = spaceASCII
		case n.Lower && 'A' <= c && c <= 'Z':
			n.ascii[c] = smallASCII
		}
	}
	return nil
}

func (n *bertNormalizer) stripsAccents() bool {
	if n.Accents == nil {
		return n.Lower
	}
	return *n.Accents
}

// normalize does in one pass what ASCII and Chinese need; text with other characters takes the further steps.
func (n *bertNormalizer) normalize(d *draft) {
	if n.first(d) {
		if n.stripsAccents() {
			nfd.normalize(d)
			d.filter(func(r rune) bool { return r >= 0x300 && classOf(r)&nonspacing != 0 })
		}
		if n.Lower {
			lowercaser{}.normalize(d)
		}
	}
}

// first cleans, sets Chinese characters apart and lowers ASCII. It tells whether there are characters with accents or
// other cases.
func (n *bertNormalizer) first(d *draft) (more bool) {
	s, kept := d.text, 0
	for at := 0; at < len(s); {
		if c := s[at]; c < utf8.RuneSelf {
			if a := n.ascii[c]; a != keepASCII {
				d.keep(kept, at)
				kept = at + 1
				switch a {
				case spaceASCII:
					d.putByte(' ', at)
				case smallASCII:
					d.putByte(lowerASCII(c), at)
				}
			}
			at++
			continue
		}
		r, size := longRuneAt(s, at)
		switch k := classOf(r); {
		case k&ideograph != 0:
			if n.Chinese {
				d.keep(kept, at)
				d.putByte(' ', at)
				d.put(r, at)
				d.putByte(' ', at)
				kept = at + size
			}
			more = more || r < 0x3400 || r > 0x9fff // compatibility forms decompose
		case n.Clean && k&unprintable != 0:
			d.keep(kept, at)
			kept = at + size
		case n.Clean && k&space != 0:
			d.keep(kept, at)
			d.putByte(' ', at)
			kept = at + size
		default:
			more = more || !(r >= 0x3001 && r <= 0x3029 || r >= 0xff01 && r <= 0xff20 || r >= 0x2010 && r <= 0x2027)
		}
		at += size
	}
	d.finish(kept)
	return more
}
