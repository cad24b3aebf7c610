package plan

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// Tags are the names that HTML knows, in rising order, and what is done with each: see the kinds.
type Tags struct {
	Words Words
	Kinds []byte
}

// The kinds of tags. From TagRaw on, what follows a start tag is text up to the end tag.
const (
	TagSpace  = iota // a space stands for it
	TagInline        // nothing does
	TagRaw           // a space, and tags within are text
	TagHidden        // what is within goes with it
	TagPlain         // the rest of the text is within
)

// kindsOf are the elements that are not TagSpace.
var kindsOf = map[string]byte{
	"a": TagInline, "abbr": TagInline, "b": TagInline, "em": TagInline, "font": TagInline, "i": TagInline, "mark": TagInline, "s": TagInline,
	"small": TagInline, "span": TagInline, "strong": TagInline, "sub": TagInline, "sup": TagInline, "u": TagInline, "wbr": TagInline,
	"iframe": TagRaw, "noembed": TagRaw, "noframes": TagRaw, "noscript": TagRaw, "textarea": TagRaw, "title": TagRaw, "xmp": TagRaw,
	"script": TagHidden, "style": TagHidden, "plaintext": TagPlain,
}

// HTMLTags returns the names that cleaning takes for tags: those of the package atom, which does not list them, but is a
// text in which each lies at a place with a length.
func HTMLTags() Tags {
	const places, longest = 1 << 12, 1 << 5
	var names []string
	for i := range atom.Atom(places * longest) {
		a := i/longest<<8 | i%longest
		if s := a.String(); s != "" && atom.Lookup([]byte(s)) == a {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	t := Tags{Words: NewWords(names)}
	for _, s := range names {
		t.Kinds = append(t.Kinds, kindsOf[s])
	}
	return t
}

// HTMLEntities returns the names of HTML 4's entities (https://www.w3.org/TR/html401/sgml/entities.html), in rising order,
// and their characters. The two thousand that came later are left alone.
func HTMLEntities() (Words, []uint32) {
	names := strings.Fields(entities)
	slices.Sort(names)
	var characters []uint32
	for _, s := range names {
		characters = append(characters, uint32([]rune(html.UnescapeString("&" + s + ";"))[0]))
	}
	return NewWords(names), characters
}

// Windows1252 returns the characters that numeric entities from 128 to 159 stand for.
func Windows1252() []uint32 {
	var list []uint32
	for c := 0x80; c <= 0x9f; c++ {
		list = append(list, uint32([]rune(html.UnescapeString(fmt.Sprintf("&#%d;", c)))[0]))
	}
	return list
}

const entities = `
AElig Aacute Acirc Agrave Alpha Aring Atilde Auml Beta Ccedil Chi Dagger Delta ETH Eacute Ecirc Egrave Epsilon Eta Euml Gamma Iacute Icirc
Igrave Iota Iuml Kappa Lambda Mu Ntilde Nu OElig Oacute Ocirc Ograve Omega Omicron Oslash Otilde Ouml Phi Pi Prime Psi Rho Scaron Sigma
THORN Tau Theta Uacute Ucirc Ugrave Upsilon Uuml Xi Yacute Yuml Zeta aacute acirc acute aelig agrave alefsym alpha amp and ang aring asymp
atilde auml bdquo beta brvbar bull cap ccedil cedil cent chi circ clubs cong copy crarr cup curren dArr dagger darr deg delta diams divide
eacute ecirc egrave empty emsp ensp epsilon equiv eta eth euml euro exist fnof forall frac12 frac14 frac34 frasl gamma ge gt hArr harr
hearts hellip iacute icirc iexcl igrave image infin int iota iquest isin iuml kappa lArr lambda lang laquo larr lceil ldquo le lfloor lowast
loz lrm lsaquo lsquo lt macr mdash micro middot minus mu nabla nbsp ndash ne ni not notin nsub ntilde nu oacute ocirc oelig ograve oline
omega omicron oplus or ordf ordm oslash otilde otimes ouml para part permil perp phi pi piv plusmn pound prime prod prop psi quot rArr radic
rang raquo rarr rceil rdquo real reg rfloor rho rlm rsaquo rsquo sbquo scaron sdot sect shy sigma sigmaf sim spades sub sube sum sup sup1
sup2 sup3 supe szlig tau there4 theta thetasym thinsp thorn tilde times trade uArr uacute uarr ucirc ugrave uml upsih upsilon uuml weierp xi
yacute yen yuml zeta zwj zwnj
`
