package data

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// encodings by the names of Columns.Encoding; nil is UTF-8, which needs no decoder.
var encodings = map[string]encoding.Encoding{
	"utf-8":        nil,
	"gb18030":      simplifiedchinese.GB18030, // a superset of GBK and GB2312
	"big5":         traditionalchinese.Big5,
	"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	"utf-16be":     unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"windows-1252": charmap.Windows1252, // a superset of Latin-1's printable characters
}

// DetectEncoding guesses the encoding of a file from its first bytes: by a byte order mark; UTF-16 without one by its
// zero bytes; UTF-8 by its strict form; GB18030 and Big5 by how many characters fall among the common ones of each.
// What is none of these is taken for Windows-1252.
func DetectEncoding(sample []byte) string {
	switch {
	case bytes.HasPrefix(sample, []byte("\xef\xbb\xbf")):
		return "utf-8"
	case bytes.HasPrefix(sample, []byte("\xff\xfe")):
		return "utf-16le"
	case bytes.HasPrefix(sample, []byte("\xfe\xff")):
		return "utf-16be"
	}
	if name := detectUTF16(sample); name != "" {
		return name
	}
	valid, invalid := utf8Sequences(sample)
	if invalid == 0 || valid >= 4*invalid {
		return "utf-8" // with broken places, which the reader names
	}
	gb, big5 := doubleByteScore(sample, commonGB), doubleByteScore(sample, commonBig5)
	switch {
	case max(gb, big5) < 0.5:
		return "windows-1252"
	case big5 > gb:
		return "big5"
	}
	return "gb18030"
}

// detectUTF16 looks for ASCII, which UTF-16 interleaves with zeros: every table has some, if only its line ends.
func detectUTF16(sample []byte) string {
	var zeros, ascii [2]int
	n := len(sample) &^ 1
	for i, b := range sample[:n] {
		if b == 0 {
			zeros[i&1]++
		} else if b < 0x80 {
			ascii[i&1]++
		}
	}
	// In Chinese text most units have no zero byte: the decisive thing is on which side the zeros are.
	// A header alone has some; a stray zero or two in another encoding must not decide.
	const least = 4
	if zeros[1] >= least && zeros[1] > 10*zeros[0] && 100*zeros[1] > n/2 && ascii[0] >= zeros[1]/2 {
		return "utf-16le"
	}
	if zeros[0] >= least && zeros[0] > 10*zeros[1] && 100*zeros[0] > n/2 && ascii[1] >= zeros[0]/2 {
		return "utf-16be"
	}
	return ""
}

// utf8Sequences counts well-formed and broken sequences beyond ASCII. A sequence cut off by the sample's end is
// neither.
func utf8Sequences(sample []byte) (valid, invalid int) {
	for i := 0; i < len(sample); {
		if sample[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(sample[i:])
		switch {
		case r != utf8.RuneError || n > 1:
			valid++
		case !utf8.FullRune(sample[i:]):
		default:
			invalid++
		}
		i += n
	}
	return valid, invalid
}

// doubleByteScore reads the sample as an encoding of one and two bytes and returns the share of its double bytes that
// are common characters; impossible ones count against it.
func doubleByteScore(sample []byte, common func(lead, trail byte) bool) float64 {
	hits, all := 0, 0
	for i := 0; i+1 < len(sample); i++ {
		if sample[i] < 0x80 {
			continue
		}
		all++
		if sample[i+1] < 0x40 { // no second byte: not this encoding
			continue
		}
		if common(sample[i], sample[i+1]) {
			hits++
		}
		i++
	}
	if all == 0 {
		return 0
	}
	return float64(hits) / float64(all)
}

// commonGB tells of GB2312's first level of characters and its punctuation.
func commonGB(lead, trail byte) bool {
	return trail >= 0xa1 && (lead >= 0xb0 && lead <= 0xd7 || lead == 0xa1 || lead == 0xa3)
}

// commonBig5 tells of Big5's first level of characters and its punctuation.
func commonBig5(lead, trail byte) bool {
	return (trail >= 0x40 && trail <= 0x7e || trail >= 0xa1) && (lead >= 0xa4 && lead <= 0xc6 || lead == 0xa1)
}

// knownEncoding returns the decoder of an encoding, nil for UTF-8.
func knownEncoding(name string) (encoding.Encoding, error) {
	e, ok := encodings[name]
	if !ok {
		return nil, fmt.Errorf("unknown encoding %q; there are utf-8, gb18030, big5, utf-16le, utf-16be and windows-1252", name)
	}
	return e, nil
}
