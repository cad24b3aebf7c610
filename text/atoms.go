package text

import (
	"slices"
	"unicode"
)

// An atom is a run of characters that no cut of Chinese parts: a number (3.5%, １２，０００), a word in letters (T恤's T,
// B2B, don't), a run of dashes or dots, and, where new words are looked for, a date (2001年, 二○○一年, 12月, 三十一日).

// inAtom tells whether a character may begin or continue an atom.
func inAtom(r rune) bool {
	return isDigit(r) || isLetter(r) || isRun(r) || r == '○' || r == '〇' || slices.Contains(atomInner, r)
}

// atomInner are what stands within atoms and never begins one.
var atomInner = []rune(".,:/·'_&@．，：／＇＿＆＠-－%％‰")

func isDigit(r rune) bool { return '0' <= r && r <= '9' || '０' <= r && r <= '９' }

// isLetter tells whether r is a letter of a script that parts words by spaces.
func isLetter(r rune) bool {
	switch {
	case r < 0x80:
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	case r >= 'Ａ' && r <= 'ｚ':
		return r <= 'Ｚ' || r >= 'ａ'
	}
	return r >= 0xc0 && r < 0x590 && unicode.IsLetter(r)
}

// isRun tells whether repetitions of r are one mark.
func isRun(r rune) bool {
	switch r {
	case '—', '…', '─', '～', '~', '=', '*', '＝', '＊', '.', '．':
		return true
	}
	return false
}

// atomEnd returns where the atom that begins at s[i] ends, 0 if there is none. A single dash or dot is none.
func atomEnd(s []rune, i int, dates bool) int {
	r := s[i]
	switch {
	case isDigit(r):
		end := numberEnd(s, i)
		if end < len(s) && isLetter(s[end]) { // 4G, 3D打印
			return lettersEnd(s, i)
		}
		if dates {
			if d := dateEnd(s, i, end, digitValue(s[i:end])); d > 0 {
				return d
			}
		}
		if end < len(s) && (s[end] == '%' || s[end] == '％' || s[end] == '‰') {
			end++
		}
		return end
	case isLetter(r):
		return lettersEnd(s, i)
	case isRun(r):
		end := i + 1
		for end < len(s) && s[end] == r {
			end++
		}
		if end > i+1 {
			return end
		}
	case dates:
		return chineseDateEnd(s, i)
	}
	return 0
}

// numberEnd returns the end of the digits at i, with points, colons and the like between them. A comma parts
// thousands, or the number ends before it.
func numberEnd(s []rune, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	for i+1 < len(s) && isDigit(s[i+1]) {
		end := i + 1
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		switch s[i] {
		case '.', '．', ':', '：', '/', '／', '·':
		case ',', '，':
			if end-i-1 != 3 {
				return i
			}
		default:
			return i
		}
		i = end
	}
	return i
}

// lettersEnd returns the end of the letters and digits at i, with marks between them that words have.
func lettersEnd(s []rune, i int) int {
	part := func(i int) bool { return i < len(s) && (isLetter(s[i]) || isDigit(s[i])) }
	for part(i) {
		for part(i) {
			i++
		}
		if i < len(s) && part(i+1) && slices.Contains([]rune(".'_&@-．＇＿＆＠－"), s[i]) {
			i++
		}
	}
	return i
}

// digitValue reads a whole number of at most four digits, -1 for others.
func digitValue(s []rune) int {
	if len(s) > 4 {
		return -1
	}
	v := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			v = 10*v + int(r-'0')
		case '０' <= r && r <= '９':
			v = 10*v + int(r-'０')
		default:
			return -1
		}
	}
	return v
}

// dateEnd returns the end of a year, month, day or hour whose number stands at s[i:end], 0 if it is none: 1998年 is a
// year, 10年 a span of time.
func dateEnd(s []rune, i, end, value int) int {
	if end >= len(s) || value < 0 {
		return 0
	}
	within := func(lo, hi int) bool { return lo <= value && value <= hi }
	switch s[end] {
	case '年':
		if end-i != 4 || !within(1000, 2999) || end+1 < len(s) && s[end+1] == '代' {
			return 0
		}
	case '月':
		if !within(1, 12) {
			return 0
		}
		if end+1 < len(s) && s[end+1] == '份' {
			end++
		}
	case '日':
		if !within(1, 31) {
			return 0
		}
	case '时':
		if !within(0, 24) || end+1 < len(s) && (s[end+1] == '间' || s[end+1] == '候') {
			return 0
		}
	default:
		return 0
	}
	return end + 1
}

// chineseDateEnd is dateEnd for numbers in characters: 二○○一年, 九八年, 十二月, 三十一日.
func chineseDateEnd(s []rune, i int) int {
	end := i
	for end < len(s) && end-i < 5 && chineseDigit(s[end]) >= 0 {
		end++
	}
	if end == i || end >= len(s) {
		return 0
	}
	digits, ten := s[i:end], slices.Index(s[i:end], '十')
	if s[end] == '年' {
		if ten >= 0 || len(digits) != 4 && len(digits) != 2 || end+1 < len(s) && s[end+1] == '代' {
			return 0
		}
		if len(digits) == 2 && chineseDigit(digits[0]) < 5 && chineseDigit(digits[0]) > 0 {
			return 0 // 三四年: three or four years
		}
		return end + 1
	}
	value := 0
	switch {
	case len(digits) == 1:
		value = chineseDigit(digits[0])
	case ten == 0 && len(digits) == 2:
		value = 10 + chineseDigit(digits[1])
	case ten == 1 && len(digits) == 2:
		value = 10 * chineseDigit(digits[0])
	case ten == 1 && len(digits) == 3:
		value = 10*chineseDigit(digits[0]) + chineseDigit(digits[2])
	default:
		return 0
	}
	if s[end] != '月' && s[end] != '日' {
		return 0
	}
	return dateEnd(s, i, end, value)
}

// chineseDigit returns the value of a digit in characters, -1 for others.
func chineseDigit(r rune) int {
	switch r {
	case '○', '〇', '零', '０':
		return 0
	case '十':
		return 10
	}
	return slices.Index([]rune("〇一二三四五六七八九"), r)
}
