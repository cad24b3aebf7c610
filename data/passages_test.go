package data

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// asked reads a file of questions.
func asked(t *testing.T, name, content string, c Columns) ([]Example, []string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Open(context.Background(), path, c)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var list []Example
	for e, err := range r.All() {
		if err != nil {
			return nil, nil, err
		}
		list = append(list, e)
	}
	return list, r.Notes(), nil
}

// TestQuestionsAreReadInEveryLayout gives the same two questions, the second without an answer, in the layouts of SQuAD,
// CMRC 2018, Hugging Face's data sets, and plain records.
func TestQuestionsAreReadInEveryLayout(t *testing.T) {
	const context = "😀小满在云岭种茶，云岭很高。"
	for name, content := range map[string]string{
		"squad.json": `{"version":"2.0","data":[{"title":"empty","paragraphs":[]},{"title":"t","paragraphs":[{"context":"😀小满在云岭种茶，云岭很高。","qas":[
			{"id":"1","question":"在哪里种茶？","is_impossible":false,"answers":[{"text":"云岭","answer_start":4},{"text":"云岭","answer_start":9}]},
			{"id":"2","question":"几岁？","is_impossible":true,"answers":[],"plausible_answers":[{"text":"很高","answer_start":11}]}]}]}]}`,
		"one-line.json": `{"data":[{"title":"t","paragraphs":[{"context":"😀小满在云岭种茶，云岭很高。","qas":[{"question":"在哪里种茶？","answers":[{"text":"云岭","answer_start":4},{"text":"云岭","answer_start":9}]},{"question":"几岁？","answers":[]}]}]}]}`,
		"cmrc.json":     `[{"context_id":"a","context_text":"😀小满在云岭种茶，云岭很高。","qas":[{"query_id":"q","query_text":"在哪里种茶？","answers":["云岭","云岭"]},{"query_text":"几岁？","answers":[]}]}]`,
		"hf.jsonl":      `{"context":"😀小满在云岭种茶，云岭很高。","question":"在哪里种茶？","answers":{"text":["云岭","云岭"],"answer_start":[4,9]}}` + "\n" + `{"context":"😀小满在云岭种茶，云岭很高。","question":"几岁？","answers":{"text":[],"answer_start":[]}}`,
		"spans.jsonl": `{"context":"😀小满在云岭种茶，云岭很高。","question":"在哪里种茶？","answers":[{"text":"云岭","answer_start":4},{"text":"云岭","answer_start":9}]}` + "\n" +
			`{"context":"😀小满在云岭种茶，云岭很高。","question":"几岁？","answers":null}`,
		"plain.jsonl": `{"context":"😀小满在云岭种茶，云岭很高。","question":"在哪里种茶？","answer":["云岭","云岭"]}` + "\n" + `{"context":"😀小满在云岭种茶，云岭很高。","question":"几岁？","answer":""}`,
		"plain.csv":   "context,question,answers\n😀小满在云岭种茶，云岭很高。,在哪里种茶？,云岭\n😀小满在云岭种茶，云岭很高。,几岁？,\n",
	} {
		t.Run(name, func(t *testing.T) {
			var c Columns
			c.Label = "label"
			c.SuitQuestions()
			list, notes, err := asked(t, name, content, c)
			if err != nil || len(list) != 2 || len(notes) > 0 {
				t.Fatalf("%d questions, notes %q, %v", len(list), notes, err)
			}
			first, second := QuestionOf(&list[0]), QuestionOf(&list[1])
			if first.Text != context || first.Pair != "在哪里种茶？" || second.Pair != "几岁？" || len(second.Answers) > 0 || len(second.Entities) > 0 {
				t.Errorf("read %+v and %+v", first, second)
			}
			if len(first.Answers) == 0 || first.Answers[0] != "云岭" || len(first.Entities) == 0 {
				t.Fatalf("read %+v", first)
			}
			if e := first.Entities[0]; context[e.Start:e.End] != "云岭" || e.Start != strings.Index(context, "云岭") {
				t.Errorf("the answer is at %+v", e)
			}
			if n := len(first.Entities); n == 2 && (name == "hf.jsonl" || name == "squad.json") && first.Entities[1].Start != strings.LastIndex(context, "云岭") {
				t.Errorf("the second answer is at %+v", first.Entities[1])
			}
		})
	}
}

func TestAnswersThatStandElsewhereAreFound(t *testing.T) {
	list, notes, err := asked(t, "a.json", `{"data":[{"paragraphs":[{"context":"one two one two","qas":[
		{"question":"a","answers":[{"text":"two","answer_start":11}]},{"question":"b","answers":[{"text":"three","answer_start":0}]},
		{"question":"c","answers":[{"text":" one","answer_start":7}]},{"question":"d","answers":[{"text":"two","answer_start":-1}]},{"question":"e","answers":[{"text":"one","answer_start":99}]}]}]}]}`, Columns{Text: "text"})
	if err != nil || len(list) != 5 {
		t.Fatalf("%d questions, %v", len(list), err)
	}
	for i, want := range [][]int{{12}, {}, {8}, {4}, {8}} {
		var at []int
		for _, e := range list[i].Entities {
			at = append(at, e.Start)
		}
		if !slices.Equal(at, want) {
			t.Errorf("question %s: answers at %v, want %v", list[i].Pair, at, want)
		}
	}
	if len(notes) != 2 || !strings.HasPrefix(notes[0], "2 answers stand elsewhere") || !strings.HasPrefix(notes[1], "1 answers are not in their text") {
		t.Errorf("notes %q", notes)
	}
	if len(list[1].Answers) != 1 {
		t.Error("an answer that is not in the text does not count")
	}
}

func TestQuestionsThatCannotBeReadSayWhy(t *testing.T) {
	for content, want := range map[string]string{
		`{"data":[{"paragraphs":[{"context":"a","qas":[{"question":"q","answers":[{"texts":"a"}]}]}]}]}`: "write answers as a list of objects with text and answer_start",
		`{"data":[{"paragraphs":[{"context":7,"qas":[]}]}]}`:                                             "give paragraphs with context and qas",
	} {
		_, _, err := asked(t, "a.json", content, Columns{Text: "text"})
		if err == nil || !strings.Contains(hint.Way(err), want) {
			t.Errorf("%s: %v (%s)", content, err, hint.Way(err))
		}
	}
}

func FuzzQuestions(f *testing.F) {
	f.Add(`{"data":[{"paragraphs":[{"context":"one","qas":[{"question":"q","answers":[{"text":"one","answer_start":0}]}]}]}]}`)
	f.Add(`[{"context_text":"a","qas":[{"query_text":"q","answers":["a"]}]}]`)
	f.Add(`{"context":"a b","question":"b","answers":{"text":["b"],"answer_start":[2]}}`)
	f.Fuzz(func(t *testing.T, content string) {
		var c Columns
		c.SuitQuestions()
		for _, name := range []string{"a.json", "a.jsonl"} {
			list, _, err := asked(t, name, content, c)
			if err != nil {
				continue
			}
			for _, e := range list {
				r := QuestionOf(&e)
				for _, s := range r.Entities {
					if s.Start < 0 || s.Start >= s.End || s.End > len(r.Text) {
						t.Fatalf("an answer at %+v of %q", s, r.Text)
					}
				}
			}
		}
	})
}
