package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Suspicion is a row that a person should look at.
type Suspicion struct {
	Line   int    `json:"line"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Label  string `json:"label,omitempty"`
	Text   string `json:"text"` // its beginning
}

// KindCount tells how many rows are suspicious for one reason.
type KindCount struct {
	Kind string `json:"kind"`
	Rows int    `json:"rows"`
	ZH   string `json:"-"`
}

// Stretch is a sentence that many rows have.
type Stretch struct {
	Text  string `json:"text"`
	Rows  int    `json:"rows"`
	Lines []int  `json:"lines"` // of a few of them
}

// Kinds of suspicions, in the order in which they are listed.
var kindOrder = [][2]string{
	{"empty", "空文本"}, {"no label", "无标签"}, {"conflict", "同文异标"}, {"mojibake", "乱码"}, {"symbols", "多为符号"}, {"repeats", "重复字符"}, {"short", "过短"}, {"long", "过长"},
	{"language", "语言不同"}, {"boilerplate", "套话"}, {"rare label", "罕见标签"}, {"label spelling", "标签写法"},
}

const (
	shownChars      = 160
	rareLabelRows   = 5
	symbolShare     = 0.7  // of the characters, from which a text is mostly symbols
	longTimes       = 5    // times the upper quartile, beyond which a text is very long …
	longLeast       = 200  // … if it has so many characters
	leastSentence   = 20   // letters of a sentence that can be boilerplate; a Chinese character counts for two
	foreignShare    = 0.05 // a language of fewer rows than this is foreign …
	mainShare       = 0.8  // … where one language has more than this
	foreignLetters  = 12   // letters of a text that are needed to tell its language
	listedSentences = 20
	repeatedRun     = 10 // equal characters in a row
)

// suspect lists the suspicious rows.
func (s *collector) suspect() error {
	r := s.report
	var found []Suspicion
	note := func(e *data.Example, kind, format string, args ...any) {
		found = append(found, Suspicion{e.Line, kind, fmt.Sprintf(format, args...), data.OneLine(e.Target(), 40), data.OneLine(e.Whole(), shownChars)})
	}
	conflicts := s.conflicts()
	sentences, err := s.sentences()
	if err != nil {
		return err
	}
	main := s.mainLanguage()
	twins := twinLabels(r.Labels)
	rows := map[string]int{}
	for _, l := range r.Labels {
		rows[l.Label] = l.Rows
	}
	err = s.each("looking", func(i int, e *data.Example) {
		whole := e.Whole()
		s.suspectText(e, whole, note)
		if lines, ok := conflicts[i]; ok {
			note(e, "conflict", "the same text has another label in line %s", lines)
		}
		if language := text.Language(whole); main != "" && language != main && language != "" && letters(whole) >= foreignLetters && float64(r.Language[language]) < foreignShare*float64(r.Rows) {
			note(e, "language", "seems to be %q among texts in %q", language, main)
		}
		if at, ok := sentences[i]; ok {
			note(e, "boilerplate", "has a sentence that %d rows have: %s", r.Repeated[at].Rows, data.OneLine(r.Repeated[at].Text, 40))
		}
		for _, l := range s.labelsOf(e) {
			switch {
			case l == "":
				note(e, "no label", "there is no label")
			case r.Numbers == nil && rows[l] < rareLabelRows && r.Rows > 20*rareLabelRows:
				note(e, "rare label", "only %d rows have the label %q", rows[l], l)
			}
			if twin, ok := twins[l]; ok && rows[l] < rows[twin] {
				note(e, "label spelling", "label %q: %d rows are labelled %q", l, rows[twin], twin)
			}
		}
	})
	s.list(found)
	return err
}

// suspectText looks at a text by itself.
func (s *collector) suspectText(e *data.Example, whole string, note func(e *data.Example, kind, format string, args ...any)) {
	chars := utf8.RuneCountInString(whole)
	visible, said := 0, letters(whole)
	for _, r := range whole {
		if !unicode.IsSpace(r) {
			visible++
		}
	}
	long := max(longLeast, longTimes*s.report.Chars.Q3)
	switch {
	case visible == 0:
		note(e, "empty", "there is no text")
		return
	case visible > 4 && float64(visible-said) > symbolShare*float64(visible):
		note(e, "symbols", "%d of %d characters are neither letters nor digits", visible-said, visible)
	case said < 2:
		note(e, "short", "%d letters or digits", said)
	case float64(chars) > long:
		note(e, "long", "%d characters; three quarters of the texts have at most %.0f", chars, s.report.Chars.Q3)
	}
	if what := mojibake(whole); what != "" {
		note(e, "mojibake", "%s", what)
	}
	if r, n := longestRun(whole); n >= repeatedRun {
		note(e, "repeats", "%q stands %d times in a row", r, n)
	}
}

func letters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

func longestRun(s string) (most rune, length int) {
	last, n := rune(-1), 0
	for _, r := range s {
		if r != last {
			last, n = r, 0
		}
		if n++; n > length && !unicode.IsSpace(r) {
			most, length = r, n
		}
	}
	return most, length
}

// mojibake tells what is wrong with a text whose bytes were read in another encoding than they were written in.
func mojibake(s string) string {
	if n := strings.Count(s, "\uFFFD"); n > 0 {
		return fmt.Sprintf("%d characters were lost in a conversion (U+FFFD)", n)
	}
	for _, known := range []string{"锟斤拷", "烫烫烫", "屯屯屯"} {
		if strings.Contains(s, known) {
			return fmt.Sprintf("%q comes from a broken conversion", known)
		}
	}
	if was := reread(s, func(r rune) bool { return r >= 0x80 && r < 0x2200 }, charmap.Windows1252.NewEncoder().String); was != "" {
		return fmt.Sprintf("UTF-8 read as Latin-1: %q was %q", data.OneLine(s, 20), was)
	}
	if was := reread(s, func(r rune) bool { return r >= 0x3400 && r < 0xa000 }, simplifiedchinese.GBK.NewEncoder().String); mostlyHan(was) {
		return fmt.Sprintf("UTF-8 read as GBK: %q was %q", data.OneLine(s, 20), was)
	}
	return ""
}

// mostlyHan tells of text that can be Chinese: chance makes letters of other scripts.
func mostlyHan(s string) bool {
	han, all := text.CountChinese(s)
	return han >= 3 && 2*han > all
}

// reread returns the beginning of a text as it was if the characters that fit, encoded, are UTF-8 after all; else "".
func reread(s string, fits func(r rune) bool, encode func(string) (string, error)) string {
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		if !fits(r) {
			at += n
			continue
		}
		from := at
		at += run(s[at:], fits)
		if utf8.RuneCountInString(s[from:at]) < 2 {
			continue
		}
		was, err := encode(s[from:at])
		for cut := 0; cut < 3 && !utf8.ValidString(was) && was != ""; cut++ { // the last character may have lost its end
			was = was[:len(was)-1]
		}
		if err == nil && utf8.ValidString(was) && utf8.RuneCountInString(was) < len(was) {
			return data.OneLine(was, 20)
		}
	}
	return ""
}

// conflicts returns, by row, the lines of rows whose text is the same and whose label is not.
func (s *collector) conflicts() map[int]string {
	groups := map[string][]int{}
	for i := range s.rows {
		if key := folded(&s.rows[i]); key != "" {
			groups[key] = append(groups[key], i)
		}
	}
	out := map[int]string{}
	for _, g := range groups {
		first := g[0]
		at := slices.IndexFunc(g, func(i int) bool { return !s.rows[i].Agrees(&s.rows[first]) })
		if at < 0 {
			continue
		}
		for _, i := range g {
			other := &s.rows[first]
			if s.rows[i].Agrees(other) {
				other = &s.rows[g[at]]
			}
			out[i] = fmt.Sprintf("%d (%s)", other.Line, data.OneLine(other.Target(), 30))
		}
	}
	return out
}

// sentences finds those that many rows have, fills Report.Repeated, and returns by row the number of the most frequent.
func (s *collector) sentences() (map[int]int, error) {
	rows := map[string][]int{}
	err := s.each("sentences", func(i int, e *data.Example) {
		seen := map[string]bool{}
		for _, sentence := range strings.FieldsFunc(e.Whole(), func(r rune) bool { return strings.ContainsRune("。！？!?\n;；", r) || r == '.' }) {
			sentence = strings.TrimSpace(sentence)
			han, _ := text.CountChinese(sentence)
			if letters(sentence)+han < leastSentence || seen[sentence] {
				continue
			}
			seen[sentence] = true
			rows[sentence] = append(rows[sentence], i)
		}
	})
	if err != nil {
		return nil, err
	}
	least := max(5, len(s.rows)/1000)
	var list []Stretch
	for sentence, in := range rows {
		different := map[string]bool{} // copies of a whole text are doubles, not boilerplate
		for _, i := range in {
			different[folded(&s.rows[i])] = true
		}
		if len(different) >= least {
			list = append(list, Stretch{Text: sentence, Rows: len(in)})
		}
	}
	slices.SortFunc(list, func(a, b Stretch) int { return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Text, b.Text)) })
	list = list[:min(len(list), listedSentences)]
	of := map[int]int{}
	for at := len(list) - 1; at >= 0; at-- {
		for _, i := range rows[list[at].Text] {
			of[i] = at
			if len(list[at].Lines) < 5 {
				list[at].Lines = append(list[at].Lines, s.rows[i].Line)
			}
		}
		list[at].Text = data.OneLine(list[at].Text, shownChars)
	}
	s.report.Repeated = append(s.report.Repeated, list...)
	return of, nil
}

// mainLanguage returns the language of nearly all rows, "" where there is none.
func (s *collector) mainLanguage() string {
	for language, n := range s.report.Language {
		if language != "" && float64(n) > mainShare*float64(s.report.Rows) {
			return language
		}
	}
	return ""
}

// twinLabels returns labels that differ in case, marks or space alone, each with the most frequent other one.
func twinLabels(labels []Label) map[string]string {
	byForm := map[string][]Label{}
	for _, l := range labels {
		form := strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, l.Label)
		if form != "" && !strings.ContainsAny(l.Label, "+-<>=") {
			byForm[form] = append(byForm[form], l)
		}
	}
	out := map[string]string{}
	for _, group := range byForm {
		for _, l := range group[1:] { // labels come most frequent first
			out[l.Label] = group[0].Label
		}
	}
	return out
}

// list counts the suspicions by kind and keeps a few of each.
func (s *collector) list(found []Suspicion) {
	for _, kind := range kindOrder {
		n := 0
		for _, f := range found {
			if f.Kind != kind[0] {
				continue
			}
			if n++; s.options.Listed < 0 || n <= s.options.Listed {
				s.report.Suspicious = append(s.report.Suspicious, f)
			}
		}
		if n > 0 {
			s.report.Kinds = append(s.report.Kinds, KindCount{kind[0], n, kind[1]})
		}
	}
}
