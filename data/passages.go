package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Questions about texts: passages as SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018), DRCD (Shao et al. 2018) and CMRC
// 2018 (Cui et al. 2019) nest them, and answers in the records of JSON.

// AnswerType is the label of the stretches of a text that answer a question.
const AnswerType = "answer"

// errNoQuestion is the outcome of a passage that nobody asks about.
var errNoQuestion = errors.New("no question")

// article is a list of passages, or one passage itself.
type article struct {
	Paragraphs []passage `json:"paragraphs"`
	passage
}

type passage struct {
	Context     string `json:"context"`
	ContextText string `json:"context_text"` // CMRC 2018's trial and development files
	Questions   []struct {
		Question   string          `json:"question"`
		Query      string          `json:"query_text"`
		Answers    json.RawMessage `json:"answers"`
		Impossible bool            `json:"is_impossible"`
	} `json:"qas"`
}

// isPassage tells an article, or a passage with its questions, from a plain record.
func isPassage(fields map[string]json.RawMessage) bool {
	list := func(name string) bool { return len(fields[name]) > 0 && fields[name][0] == '[' }
	return list("paragraphs") || list("qas")
}

// questions makes an example of each question of an article and returns the first; next has the others.
func (j *jsonFields) questions(raw []byte, line int, where func() string) (Example, error) {
	var a article
	if err := json.Unmarshal(raw, &a); err != nil {
		return Example{}, hint.Wrap(err, "give paragraphs with context and qas, as SQuAD has them", "%s", where())
	}
	for _, p := range append(a.Paragraphs, a.passage) {
		context := p.Context
		if context == "" {
			context = p.ContextText
		}
		at := characterOffsets(context, false)
		for _, q := range p.Questions {
			e := Example{Text: context, Pair: q.Question, Line: line}
			if e.Pair == "" {
				e.Pair = q.Query
			}
			if !q.Impossible && len(q.Answers) > 0 {
				list, ok := answerList(q.Answers, true)
				if !ok {
					return Example{}, hint.Errorf("write answers as a list of objects with text and answer_start", "%s: the answers to %q are %s", where(), firstChars(e.Pair, 40), firstChars(string(q.Answers), 60))
				}
				j.place(&e, list, at)
			}
			j.waiting = append(j.waiting, e)
		}
	}
	if e, ok := j.next(); ok {
		return e, nil
	}
	return Example{}, errNoQuestion
}

// next takes a question that waits.
func (j *jsonFields) next() (Example, bool) {
	if len(j.waiting) == 0 {
		return Example{}, false
	}
	e := j.waiting[0]
	j.waiting = j.waiting[1:]
	return e, true
}

// givenAnswer is an answer as a file has it.
type givenAnswer struct {
	Text  string
	Start *int // in characters; nil where the file does not say
}

// answerList reads answers: a list of objects with text and answer_start, as SQuAD has them, the same as an object of two
// lists, as Hugging Face's data sets have them, or with alone the texts without places, which could be labels too. ok is
// false for what is no such list.
func answerList(raw json.RawMessage, alone bool) (list []givenAnswer, ok bool) {
	type one struct {
		Text  *string `json:"text"`
		Start *int    `json:"answer_start"`
	}
	switch raw[0] {
	case 'n':
		return nil, true
	case '{':
		var both struct {
			Texts  []string `json:"text"`
			Starts []int    `json:"answer_start"`
		}
		if json.Unmarshal(raw, &both) == nil && (both.Texts != nil || both.Starts != nil) {
			for i, s := range both.Texts {
				a := givenAnswer{Text: s}
				if i < len(both.Starts) {
					a.Start = &both.Starts[i]
				}
				list = append(list, a)
			}
			return list, true
		}
		var single one
		if json.Unmarshal(raw, &single) != nil || single.Text == nil {
			return nil, false
		}
		return []givenAnswer{{*single.Text, single.Start}}, true
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return []givenAnswer{{Text: s}}, err == nil
	}
	var objects []one
	if json.Unmarshal(raw, &objects) == nil {
		for _, o := range objects {
			if o.Text == nil || o.Start == nil {
				return nil, false
			}
			list = append(list, givenAnswer{*o.Text, o.Start})
		}
		return list, alone || len(list) > 0
	}
	var texts []string
	if !alone || json.Unmarshal(raw, &texts) != nil {
		return nil, false
	}
	for _, s := range texts {
		list = append(list, givenAnswer{Text: s})
	}
	return list, true
}

// place gives e its answers and their places; at holds the byte of each character of the text, nil if it is not known.
// One that does not stand where it is said to is looked for around there.
func (j *jsonFields) place(e *Example, list []givenAnswer, at []int) {
	for _, a := range list {
		text := strings.TrimSpace(a.Text)
		if text == "" {
			continue
		}
		e.Answers = append(e.Answers, text)
		said := -1
		if a.Start != nil && *a.Start >= 0 { // some files have -1 where they do not know
			if at == nil {
				at = characterOffsets(e.Text, false)
			}
			said = *a.Start + utf8.RuneCountInString(a.Text[:strings.Index(a.Text, text)])
			if said >= 0 && said < len(at) {
				said = at[said]
			} else {
				said = len(e.Text)
			}
		}
		found := nearest(e.Text, text, max(said, 0))
		switch {
		case found < 0:
			j.noway++
			continue
		case said >= 0 && found != said:
			j.moved++
		}
		e.Entities = append(e.Entities, Entity{found, found + len(text), AnswerType})
	}
}

// nearest returns where in s a part of it begins, as near as can be to at; -1 if nowhere.
func nearest(s, part string, at int) int {
	at = min(at, len(s))
	if strings.HasPrefix(s[at:], part) {
		return at
	}
	before, after := strings.LastIndex(s[:min(at+len(part), len(s))], part), strings.Index(s[at:], part)
	switch {
	case after < 0:
		return before
	case before < 0 || after < at-before:
		return at + after
	}
	return before
}

// notes tells of answers that are not where they should be.
func (j *jsonFields) notes() (notes []string) {
	if j.moved > 0 {
		notes = append(notes, fmt.Sprintf("%d answers stand elsewhere than the file says; the nearest place was taken", j.moved))
	}
	if j.noway > 0 {
		notes = append(notes, fmt.Sprintf("%d answers are not in their text: they count where models are judged, and teach nothing", j.noway))
	}
	return notes
}

// answers returns what answers the question of e, and where. A label without a place is an answer that is looked for.
func (e *Example) answers() ([]string, []Entity) {
	texts := e.Answers
	switch {
	case texts == nil && len(e.Entities) > 0:
		for _, s := range e.Entities {
			texts = append(texts, e.Text[s.Start:s.End])
		}
	case texts == nil && e.Label != "":
		texts = []string{e.Label}
	}
	places := e.Entities
	if len(places) == 0 {
		for _, s := range texts {
			if at := strings.Index(e.Text, s); at >= 0 {
				places = append(places, Entity{at, at + len(s), AnswerType})
			}
		}
	}
	return texts, places
}

// QuestionOf makes a row of task qa of an example.
func QuestionOf(e *Example) Row {
	r := Row{Text: e.Text, Pair: e.Pair, Line: e.Line, Slices: e.Slices}
	r.Answers, r.Entities = e.answers()
	return r
}

// checkAnswers refuses questions of which none has an answer, or that are missing, and counts those without.
func (l *loader) checkAnswers() error {
	if l.set.Task != Answers {
		return nil
	}
	rows, none, asked := 0, 0, false
	for _, part := range l.set.Parts {
		for _, r := range part {
			rows++
			if len(r.Answers) == 0 {
				none++
			}
			asked = asked || r.Pair != ""
		}
	}
	switch {
	case !asked:
		return hint.Errorf("name their column: --pair COLUMN", "reading %s: none of the %d texts has a question", l.config.Path, rows)
	case none == rows:
		return hint.Errorf("name the column of answers: --label COLUMN", "reading %s: none of the %d questions has an answer", l.config.Path, rows)
	case none > 0:
		l.set.Notes = append(l.set.Notes, fmt.Sprintf("%d of %d questions have no answer in their text", none, rows))
	}
	return nil
}
