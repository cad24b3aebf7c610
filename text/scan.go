package text

import "unicode/utf8"

// signs are what one walk over a text finds: of which kinds of characters there are some. A cleaning step whose signs
// are missing has nothing to do, so that a clean text costs one walk however many steps are on.
type signs uint16

const (
	signInvalid signs = 1 << iota // a byte that is not UTF-8
	signMarkup                    // < or &
	signNotNFC                    // a character that NFC may change, alone or with its neighbours
	signNotNFKC                   // the same for NFKC
	signWide                      // full width
	signUnseen                    // an invisible character
	signAddress                   // without one of them there is no web address
	signAt                        // @, also in full width
	signHash                      // #, also in full width
	signDigit                     // 0 to 9
	signHan                       // a Chinese character
	signRun                       // a run beyond the limit
	signSpace                     // white space that is more than one space between two words
	signAny                       // anything at all
)

// signsOf holds the signs of the characters of the basic plane: two bytes each, of which Chinese text touches a third
// of the table.
var signsOf = func() *[1 << 16]signs {
	t := new([1 << 16]signs)
	set := func(from, to rune, s signs) {
		for r := from; r <= to; r++ {
			t[r] |= s
		}
	}
	set(0xa0, 0xffff, signNotNFC|signNotNFKC) // what nothing below says better
	for _, normal := range [][2]rune{{0x4e00, 0x9fff}, {0x3001, 0x3020}} {
		for r := normal[0]; r <= normal[1]; r++ {
			t[r] = 0
		}
	}
	for _, normal := range [][2]rune{{0xa0, 0x2ff}, {0x2010, 0x206f}, {0x3000, 0x3000}, {0xff01, 0xff5e}} { // for NFC alone
		for r := normal[0]; r <= normal[1]; r++ {
			t[r] &^= signNotNFC
		}
	}
	set('0', '9', signDigit)
	set(0x3400, 0x9fff, signHan)
	set(0xf900, 0xfaff, signHan)
	set(0xff01, 0xff5e, signWide)
	set(0x3000, 0x3000, signWide|signSpace)
	for r := range rune(1 << 16) {
		if invisible(r) {
			t[r] |= signUnseen
		}
	}
	for _, r := range "\t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f" {
		t[r] |= signSpace
	}
	for r, s := range map[rune]signs{'<': signMarkup, '&': signMarkup, '.': signAddress, ':': signAddress, '@': signAt, '＠': signAt, '#': signHash, '＃': signHash} {
		t[r] |= s
	}
	return t
}()

// scan returns the signs of s; limit is the longest run of one character that is none.
func scan(s string, limit int) signs {
	seen := signAny
	last, run := rune(-1), 1
	for at := 0; at < len(s); {
		r := rune(s[at])
		switch {
		case r < utf8.RuneSelf:
			at++
			seen |= signsOf[r]
		case r&0xf0 == 0xe0 && at+2 < len(s) && s[at+1]&0xc0 == 0x80 && s[at+2]&0xc0 == 0x80:
			r = r&0xf<<12 | rune(s[at+1]&0x3f)<<6 | rune(s[at+2]&0x3f)
			if r < 0x800 || r >= 0xd800 && r <= 0xdfff { // too long a form, or half a pair
				seen |= signInvalid
			}
			at += 3
			seen |= signsOf[r]
		default:
			var n int
			r, n = utf8.DecodeRuneInString(s[at:])
			at += n
			seen |= rareSigns(r, n)
		}
		if r != last {
			last, run = r, 1
			continue
		}
		run++
		if r == ' ' {
			seen |= signSpace
		}
		if run > limit {
			seen |= signRun
		}
	}
	if s != "" && (s[0] == ' ' || s[len(s)-1] == ' ') {
		seen |= signSpace
	}
	return seen
}

// rareSigns returns the signs of a character outside ASCII and the three bytes of Chinese; n is its length.
func rareSigns(r rune, n int) signs {
	switch {
	case r == utf8.RuneError && n == 1:
		return signInvalid
	case r <= 0xffff:
		return signsOf[r]
	case r >= 0x1f300 && r <= 0x1faff: // emoji
		return 0
	case r >= 0x20000:
		return signNotNFC | signNotNFKC | signHan
	}
	return signNotNFC | signNotNFKC
}

// unicodeSigns returns the signs that the step "unicode" needs.
func unicodeSigns(c *CleanConfig) signs {
	switch c.Unicode {
	case "nfc":
		return signNotNFC
	case "nfkc":
		return signNotNFKC
	}
	return 0
}
