package eval

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Asked is one question, what counts as its answer, and what was said.
type Asked struct {
	Answers     []string // that count as right; none where the text does not answer
	Found       string   // "" says that the text does not answer
	Probability float64  // of Found
}

// JudgeAnswers judges the answers to questions. Where most answers are Chinese, the rules are those of CMRC 2018 (Cui et
// al. 2019): characters, of which the longest common run counts; elsewhere those of SQuAD (Rajpurkar et al. 2016, 2018):
// words without articles, whatever their order. Of several answers the one that fits best counts. A question without an
// answer is right, with 1, where none was given, and else 0.
func JudgeAnswers(asked []Asked, o Options) (*Report, error) {
	if len(asked) == 0 {
		return nil, fmt.Errorf("evaluating: there are no questions")
	}
	r := &Report{Task: Answered, N: len(asked), More: map[string]float64{}, texts: o.Texts}
	r.show = func(i int) (string, string) { return showAnswer(asked[i].Answers...), showAnswer(asked[i].Found) }
	match := MatcherOf(asked)
	var sums, known, unknown struct{ exact, f1, n float64 }
	var mistakes []Mistake
	for i, a := range asked {
		exact, f1 := match.Best(a.Answers, a.Found)
		r.outcomes = append(r.outcomes, outcome{right: exact, truth: 1, guess: f1})
		part := &known
		if len(a.Answers) == 0 {
			part = &unknown
		}
		for _, s := range []*struct{ exact, f1, n float64 }{&sums, part} {
			s.n++
			s.f1 += f1
			if exact {
				s.exact++
			}
		}
		if f1 < 1 {
			mistakes = append(mistakes, Mistake{Index: i, Target: showAnswer(a.Answers...), Predicted: showAnswer(a.Found), Probability: a.Probability})
		}
	}
	r.More["exact_match"], r.More["answer_f1"] = sums.exact/sums.n, sums.f1/sums.n
	if unknown.n > 0 {
		r.More["no_answer_accuracy"] = unknown.f1 / unknown.n
		if known.n > 0 {
			r.More["answered_exact"], r.More["answered_f1"] = known.exact/known.n, known.f1/known.n
		}
	}
	r.keepMistakes(mistakes, o)
	r.bootstrap(o.Rounds, o.Seed)
	return r, nil
}

// showAnswer writes answers for people.
func showAnswer(answers ...string) string {
	list := slices.Compact(slices.Clone(answers))
	if s := strings.Join(list, " / "); s != "" {
		return s
	}
	return "(none)"
}

// Matcher compares answers.
type Matcher struct{ chinese bool }

// MatcherOf chooses the rules by the script of the answers.
func MatcherOf(asked []Asked) Matcher {
	chinese, all := 0, 0
	for _, a := range asked {
		for _, s := range append(a.Answers[:len(a.Answers):len(a.Answers)], a.Found) {
			for _, c := range s {
				if unicode.Is(unicode.Han, c) {
					chinese++
				}
				if !unicode.IsSpace(c) {
					all++
				}
			}
		}
	}
	return Matcher{2*chinese > all}
}

// Best returns how well a found answer fits the best of those that count; with none of them, whether none was found.
func (m Matcher) Best(answers []string, found string) (exact bool, f1 float64) {
	if len(answers) == 0 {
		answers = []string{""}
	}
	for _, a := range answers {
		e, f := m.match(a, found)
		exact, f1 = exact || e, max(f1, f)
	}
	return exact, f1
}

func (m Matcher) match(answer, found string) (exact bool, f1 float64) {
	if m.chinese {
		a, b := chineseUnits(answer), chineseUnits(found)
		return strings.Join(chineseSigns(answer), "") == strings.Join(chineseSigns(found), ""), overlap(longestRun(a, b), len(a), len(b))
	}
	a, b := squadWords(answer), squadWords(found)
	return slices.Equal(a, b), overlap(sharedWords(a, b), len(a), len(b))
}

// overlap is F1 of shared units; two answers without any are the same.
func overlap(shared, a, b int) float64 {
	if a == 0 && b == 0 {
		return 1
	}
	if shared == 0 {
		return 0
	}
	return 2 * float64(shared) / float64(a+b)
}

// squadWords are the words of an answer in small letters, without ASCII punctuation and English articles.
func squadWords(s string) []string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, strings.ToLower(s))
	// An article is one between any characters that are not part of a word, so that "a–b" loses it too.
	var b strings.Builder
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }
	for len(s) > 0 {
		n := strings.IndexFunc(s, func(r rune) bool { return !word(r) })
		if n < 0 {
			n = len(s)
		}
		if w := s[:n]; w == "a" || w == "an" || w == "the" {
			b.WriteByte(' ')
		} else {
			b.WriteString(w)
		}
		rest := strings.IndexFunc(s[n:], word)
		if rest < 0 {
			rest = len(s) - n
		}
		b.WriteString(s[n : n+rest])
		s = s[n+rest:]
	}
	return strings.Fields(b.String())
}

// sharedWords counts words that both have, each as often as the one that has it less often.
func sharedWords(a, b []string) (n int) {
	left := map[string]int{}
	for _, w := range a {
		left[w]++
	}
	for _, w := range b {
		if left[w] > 0 {
			left[w]--
			n++
		}
	}
	return n
}

// chineseMarks are the marks that CMRC 2018's rules drop.
const chineseMarks = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"

// chineseSigns are the characters of an answer in small letters, without marks.
func chineseSigns(s string) (out []string) {
	for _, r := range strings.TrimSpace(strings.ToLower(s)) {
		if !strings.ContainsRune(chineseMarks, r) {
			out = append(out, string(r))
		}
	}
	return out
}

// chineseUnits are the Chinese characters of an answer, and the words, numbers and marks between them.
func chineseUnits(s string) (units []string) {
	word := ""
	end := func() {
		if word != "" {
			units = append(units, word)
		}
		word = ""
	}
	for _, r := range strings.TrimSpace(strings.ToLower(s)) {
		switch {
		case strings.ContainsRune(chineseMarks, r): // which parts no words: 3.5-4 is one
		case unicode.IsSpace(r):
			end()
		case r >= 0x4e00 && r <= 0x9fa5:
			end()
			units = append(units, string(r))
		case unicode.IsPunct(r) && r != '.' && r != '\'':
			end()
			units = append(units, string(r))
		default:
			word += string(r)
		}
	}
	end()
	return units
}

// longestRun is the length of the longest run of units that both have.
func longestRun(a, b []string) (longest int) {
	before := make([]int, len(b)+1)
	for _, x := range a {
		now := make([]int, len(b)+1)
		for j, y := range b {
			if x == y {
				now[j+1] = before[j] + 1
				longest = max(longest, now[j+1])
			}
		}
		before = now
	}
	return longest
}

// NoAnswerThreshold returns the doubt (model.Prediction.Doubt) above which questions are best taken to have no answer,
// for the highest mean F1: answered[i] is the F1 of the best answer to question i, and none[i] that of no answer.
func NoAnswerThreshold(doubts, answered, none []float64) float64 {
	order := make([]int, len(doubts))
	sum := 0.0
	for i := range order {
		order[i] = i
		sum += none[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case doubts[a] < doubts[b]:
			return -1
		case doubts[a] > doubts[b]:
			return 1
		}
		return 0
	})
	best, at := sum, -1
	for n, i := range order {
		sum += answered[i] - none[i]
		if n+1 < len(order) && doubts[order[n+1]] == doubts[i] {
			continue
		}
		if sum > best {
			best, at = sum, n
		}
	}
	switch {
	case len(order) == 0:
		return 0
	case at < 0:
		return doubts[order[0]] - 1
	case at+1 == len(order):
		return doubts[order[at]] + 1
	}
	return (doubts[order[at]] + doubts[order[at+1]]) / 2
}

// answerMeasures are what is resampled of answers.
func (r *Report) answerMeasures(named func(key string, lower bool, of func([]int32) float64) measure) []measure {
	f1 := func(examples []int32) float64 {
		sum := 0.0
		for _, i := range examples {
			sum += r.outcomes[i].guess
		}
		return ratio(sum, float64(len(examples)))
	}
	return []measure{named("answer_f1", false, f1), named("exact_match", false, r.share)}
}
