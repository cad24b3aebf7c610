package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark returns what stands for something that was found: a space, or the placeholder.
func mark(choice, placeholder string) string {
	if choice == "mark" {
		return " " + placeholder + " "
	}
	return " "
}

// urlEdits finds web addresses. One ends at white space, quotes, brackets, and Chinese text or punctuation that follows
// without a space.
func urlEdits(s string) (edits []edit) {
	if !strings.Contains(s, "://") && !strings.Contains(s, "ww.") && !strings.Contains(s, "WW.") {
		return nil
	}
	for at := 0; at < len(s); {
		n := schemeLength(s, at)
		end := at + n
		for n > 0 && end < len(s) && (isAlnum(s[end]) || strings.IndexByte("-._~:/?#@!$&()*+,;=%", s[end]) >= 0) {
			end++
		}
		if end == at+n { // nothing begins here, or nothing follows
			at++
			continue
		}
		to := at + len(strings.TrimRight(s[at:end], ".,;:!?")) // punctuation of the sentence
		edits = append(edits, edit{at, to, " "})
		at = end
	}
	return edits
}

// schemeLength returns the length of what an address begins with at at, 0 if none does.
func schemeLength(s string, at int) int {
	switch s[at] | 0x20 {
	case 'h', 'f':
		for _, scheme := range []string{"https://", "http://", "ftp://"} {
			if len(s)-at > len(scheme) && strings.EqualFold(s[at:at+len(scheme)], scheme) {
				return len(scheme)
			}
		}
	case 'w':
		const www = "www."
		if len(s)-at > len(www) && strings.EqualFold(s[at:at+len(www)], www) && (at == 0 || !isAlnum(s[at-1]) && s[at-1] != '_') {
			return len(www)
		}
	}
	return 0
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// emailEdits finds addresses as people write them: a name of ASCII, and a domain whose last part is letters.
func emailEdits(s, with string) (edits []edit) {
	last := 0 // end of the address before
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], '@')
		if i < 0 {
			return edits
		}
		at += i
		from := at
		for from > last && (isAlnum(s[from-1]) || strings.IndexByte("._%+-", s[from-1]) >= 0) {
			from--
		}
		for from < at && !isAlnum(s[from]) { // punctuation of the sentence
			from++
		}
		if to := domainEnd(s, at+1); from < at && to > 0 {
			edits = append(edits, edit{from, to, with})
			at, last = to-1, to
		}
	}
}

// domainEnd returns the end of the domain that begins at from, 0 if there is none.
func domainEnd(s string, from int) int {
	end, part := 0, from // part: where the part of a domain that is read begins
	for at := from; ; at++ {
		switch {
		case at < len(s) && (isAlnum(s[at]) || s[at] == '-' && at > part):
		case at == part: // an empty part
			return end
		default:
			if part > from && at-part >= 2 && !strings.ContainsAny(s[part:at], "0123456789-") {
				end = at
			}
			if at == len(s) || s[at] != '.' {
				return end
			}
			part = at + 1
		}
	}
}

// longestName is how many characters a name behind @ may have, as on Weibo; what is longer is a sentence without a
// space, and stays.
const longestName = 30

// mentionEdits finds @name: letters of any script, digits, _ and -, a letter among them. The @ of an address, behind a
// word or in a row of symbols is none.
func mentionEdits(s, with string) (edits []edit) {
	for at, r := range s {
		if r != '@' && r != '＠' || !mayBegin(s, at) {
			continue
		}
		from := at + utf8.RuneLen(r)
		to, n := nameEnd(s, from)
		if n > 0 && n <= longestName && (to == len(s) || s[to] != '@') && strings.IndexFunc(s[from:to], unicode.IsLetter) >= 0 {
			edits = append(edits, edit{at, to, with})
		}
	}
	return edits
}

// mayBegin tells whether a sign at at can begin a name: not behind a letter but a Chinese one, which needs no space, a
// digit, or a symbol.
func mayBegin(s string, at int) bool {
	r, n := utf8.DecodeLastRuneInString(s[:at])
	switch {
	case n == 0 || unicode.IsSpace(r) || isChinese(r):
		return true
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		return false
	}
	return r >= utf8.RuneSelf || strings.IndexByte(".@#$%^&*-_+=~/\\|<", byte(r)) < 0
}

// nameEnd returns the end of a name that begins at from, and its length in characters.
func nameEnd(s string, from int) (to, chars int) {
	for i, r := range s[from:] {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && (r != '-' || i == 0) {
			return from + i, chars
		}
		chars++
	}
	return len(s), chars
}

// longestTopic is how many characters #topic# may have.
const longestTopic = 40

// hashtagEdits finds #topic# as Weibo writes it and #tag as others do.
func hashtagEdits(s, choice string) (edits []edit) {
	for at := 0; at < len(s); {
		i := strings.IndexAny(s[at:], "#＃")
		if i < 0 {
			return edits
		}
		at += i
		sign := characterLength(s, at)
		to, closing := 0, 0
		if mayBegin(s, at) {
			to, closing = topicEnd(s, at+sign)
		}
		if to == 0 {
			to, closing = tagEnd(s, at), 0
		}
		if to == 0 {
			at += sign
			continue
		}
		switch choice {
		case "text":
			edits = append(edits, edit{at, at + sign, " "})
			if closing > 0 {
				edits = append(edits, edit{to - closing, to, " "})
			}
		default:
			edits = append(edits, edit{at, to, mark(choice, "[TOPIC]")})
		}
		at = to
	}
	return edits
}

// topicEnd returns the end of a topic whose first sign ends at from, and the length of the sign that closes it; 0 if
// there is none. "#a and #b" is none: the sign that closes stands behind the last word.
func topicEnd(s string, from int) (to, closing int) {
	n, spaced, chinese, letters := 0, false, false, false
	last := ' '
	for i, r := range s[from:] {
		switch {
		case r == '#' || r == '＃':
			ends := unicode.IsLetter(last) || unicode.IsDigit(last) || strings.ContainsRune("!?！？》”）)】", last)
			if !letters || !ends || spaced && !chinese {
				return 0, 0
			}
			closing = utf8.RuneLen(r)
			return from + i + closing, closing
		case r == '\n' || r == '\r' || n == longestTopic || i == 0 && unicode.IsSpace(r):
			return 0, 0
		case unicode.IsSpace(r):
			spaced = true
		case isChinese(r):
			chinese, letters = true, true
		case unicode.IsLetter(r):
			letters = true
		}
		n++
		last = r
	}
	return 0, 0
}

// tagEnd returns the end of the #tag that begins at at, 0 if there is none: "C#", "#1" and 住#2楼 are none.
func tagEnd(s string, at int) int {
	if before, _ := utf8.DecodeLastRuneInString(s[:at]); isChinese(before) || !mayBegin(s, at) {
		return 0
	}
	from := at + characterLength(s, at)
	first, _ := utf8.DecodeRuneInString(s[from:])
	to, n := nameEnd(s, from)
	if n > longestTopic || !unicode.IsLetter(first) {
		return 0
	}
	return to
}

// phone knows the numbers of Chinese mobiles, Chinese landlines with their area, 400 numbers, numbers with a country's
// code, and those of North America. Digits in groups of other shapes are dates, prices and orders.
var phone = regexp.MustCompile(`(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}` +
	`|0\d{2,3}[- ]\d{7,8}(?:-\d{1,6})?` +
	`|\(0\d{2,3}\) ?\d{7,8}` +
	`|400[- ]\d{3,4}[- ]\d{3,4}` +
	`|\+\d{1,3}[- ]?(?:\(\d{1,4}\)[- ]?)?\d{2,4}(?:[- ]?\d{2,4}){1,4}` +
	`|(?:\(\d{3}\) ?|\b\d{3}[-.])\d{3}[-.]\d{4}`)

func phoneEdits(s, with string) (edits []edit) {
	const fewest = 7
	digits := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	if digits < fewest {
		return nil
	}
	for at := 0; at < len(s); {
		m := phone.FindStringIndex(s[at:])
		if m == nil {
			return edits
		}
		from, to := at+m[0], at+m[1]
		at = to
		if from > 0 && (isAlnum(s[from-1]) || s[from-1] == '-' || s[from-1] == '.') || to < len(s) && isAlnum(s[to]) { // a part of a longer number
			for at < len(s) && isAlnum(s[at]) {
				at++
			}
			continue
		}
		edits = append(edits, edit{from, to, with})
	}
	return edits
}
