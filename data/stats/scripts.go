package stats

import (
	"cmp"
	"slices"
	"sync"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Script is a kind of characters.
type Script struct {
	Name  string  `json:"name"`
	Chars int     `json:"characters"`
	Share float64 `json:"share"` // of all characters but white space
	Rows  int     `json:"rows"`  // that have one

	ZH string `json:"-"` // the name in Chinese
}

// The kinds of characters.
const (
	hanBoth = iota
	hanSimplified
	hanTraditional
	hanRare
	latin
	digit
	punctuation
	emoji
	kana
	hangul
	cyrillic
	otherLetter
	otherSymbol
	broken
	kinds
)

var kindNames = [kinds][2]string{
	{"Chinese, common to both forms", "汉字（简繁同形）"}, {"Chinese, simplified", "汉字（简体）"}, {"Chinese, traditional", "汉字（繁体）"}, {"Chinese, rare", "汉字（生僻）"},
	{"Latin letters", "拉丁字母"}, {"digits", "数字"}, {"punctuation", "标点"}, {"emoji", "表情符号"}, {"kana", "假名"}, {"Hangul", "谚文"}, {"Cyrillic", "西里尔字母"},
	{"other letters", "其他文字"}, {"other symbols", "其他符号"}, {"replacement characters", "替换字符"},
}

// hanForms tells of the common Chinese characters whether they are of simplified or of traditional writing, by the
// standards that were made for each: GB 2312 has the one, Big5 the other.
var hanForms = sync.OnceValue(func() map[rune]uint8 {
	forms := make(map[rune]uint8, 20_000)
	simplified, traditional := simplifiedchinese.HZGB2312.NewEncoder(), traditionalchinese.Big5.NewEncoder()
	for r := rune(0x4e00); r <= 0x9fff; r++ {
		_, noGB := simplified.String(string(r))
		_, noBig5 := traditional.String(string(r))
		switch {
		case noGB == nil && noBig5 == nil:
			forms[r] = hanBoth
		case noGB == nil:
			forms[r] = hanSimplified
		case noBig5 == nil:
			forms[r] = hanTraditional
		default:
			forms[r] = hanRare
		}
	}
	return forms
})

// kindOf returns the kind of a character that is no white space.
func kindOf(r rune) int {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return latin
	case r >= '0' && r <= '9', unicode.IsDigit(r):
		return digit
	case r >= 0x4e00 && r <= 0x9fff:
		return int(hanForms()[r])
	case unicode.Is(unicode.Han, r):
		return hanRare
	case r == unicode.ReplacementChar:
		return broken
	case isEmoji(r):
		return emoji
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return kana
	case unicode.Is(unicode.Hangul, r):
		return hangul
	case unicode.Is(unicode.Cyrillic, r):
		return cyrillic
	case unicode.Is(unicode.Latin, r):
		return latin
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return otherLetter
	case unicode.IsPunct(r):
		return punctuation
	}
	return otherSymbol
}

// isEmoji tells of the blocks of pictures, and of what joins and colours them.
func isEmoji(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2600 && r <= 0x27bf || r == 0xfe0f || r == 0x200d || r >= 0x1f1e6 && r <= 0x1f1ff
}

// scriptCounter counts characters by kind.
type scriptCounter struct{ chars, rows [kinds]int }

func newScriptCounter() *scriptCounter { return &scriptCounter{} }

func (c *scriptCounter) add(s string) {
	var seen [kinds]bool
	for _, r := range s {
		if unicode.IsSpace(r) {
			continue
		}
		k := kindOf(r)
		c.chars[k]++
		if !seen[k] {
			seen[k] = true
			c.rows[k]++
		}
	}
}

func (c *scriptCounter) list() []Script {
	total := 0
	for _, n := range c.chars {
		total += n
	}
	list := []Script{}
	for k, n := range c.chars {
		if n > 0 {
			list = append(list, Script{kindNames[k][0], n, float64(n) / float64(total), c.rows[k], kindNames[k][1]})
		}
	}
	slices.SortStableFunc(list, func(a, b Script) int { return cmp.Compare(b.Chars, a.Chars) })
	return list
}

// Percent is the share in percent.
func (s Script) Percent() float64 { return 100 * s.Share }
