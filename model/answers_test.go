package model

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// reader is small with head qa, and windows of 20 tokens.
func reader(t testing.TB, family string) *Model {
	t.Helper()
	m := small(t, family)
	c := m.Config
	c.Head, c.Pair, c.Windows, c.AnswerTokens = AnswerHead, true, Windows{Join: JoinMax, Stride: 4}, 6
	r, err := New(c, m.Clean, m.Tokenizer, nil, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range r.Params.Values() {
		r.Params.Values()[i] = v + float32(i%7-3)/10
	}
	return r
}

const story = "  房间很干净，服务好。太脏了，不会再来！一般般的早餐 breakfast OK，鑫的。房间很干净，服务好，太脏了，不会再来😀，好。"

// TestAnswersAreStretchesOfTheText asks about texts shorter and longer than a window.
func TestAnswersAreStretchesOfTheText(t *testing.T) {
	for _, family := range TokenFamilies() {
		if family == EncoderFamily || family == DecoderFamily {
			continue
		}
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := reader(t, family).Save(dir, nil); err != nil {
			t.Fatal(family, err)
		}
		m, err := Open(dir)
		if err != nil {
			t.Fatal(family, err)
		}
		defer m.Package.Close()
		queries := []Query{{story, "房间好？"}, {"", "好？"}, {"好", ""}, {" ", ""}, {"房间很干净", strings.Repeat("很干净", 50)}, {strings.Repeat(story, 30), "服务"}}
		predictions, err := m.PredictQueries(context.Background(), queries)
		if err != nil {
			t.Fatal(family, err)
		}
		for i, p := range predictions {
			s, characters := queries[i].Text, []rune(queries[i].Text)
			if len(p.Answers) == 0 {
				t.Fatalf("%s: no answer, not even that there is none", family)
			}
			total := float32(0)
			for j, a := range p.Answers {
				total += a.Probability
				if a.Text != s[a.Bytes.Start:a.Bytes.End] || a.Text != string(characters[a.Start:a.End]) || a.Text != strings.TrimSpace(a.Text) {
					t.Errorf("%s: the answer %q is not at %+v", family, a.Text, a)
				}
				if utf8.RuneCountInString(a.Text) > 30 {
					t.Errorf("%s: %q is longer than an answer may be", family, a.Text)
				}
				for _, b := range p.Answers[:j] {
					if a.Start < b.End && b.Start < a.End {
						t.Errorf("%s: %+v and %+v overlap", family, a, b)
					}
				}
			}
			if total > 1.0001 {
				t.Errorf("%s: probabilities of %v", family, total)
			}
			if a := p.Answers[0]; strings.TrimSpace(s) == "" && a.Text != "" || len(s) > 100 && a.Text == "" {
				t.Errorf("%s: %q is answered by %+v", family, s, a)
			}
		}
	}
}

// TestTheBestStretchOfAllWindowsIsFound compares with trying each pair of tokens of each window.
func TestTheBestStretchOfAllWindowsIsFound(t *testing.T) {
	m := reader(t, "gru")
	q := Query{strings.Repeat(story, 3), "好？"}
	p, err := m.PredictQueries(context.Background(), []Query{q})
	if err != nil {
		t.Fatal(err)
	}
	best, none, text, windows := math.Inf(-1), math.Inf(1), "", 0
	var sum float64
	for w := range m.Windows(q.Text, q.Pair, true) {
		windows++
		var in Input
		m.Append(&in, w.Sample)
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		v := m.Forward(tape, &in)
		n := len(w.Places)
		if v.Rows != w.Before+n || w.To-w.From != n {
			t.Fatalf("window %d to %d: %d rows", w.From, w.To, v.Rows)
		}
		none = min(none, float64(v.Row(0)[0]+v.Row(0)[1]))
		starts, ends := math.Exp(float64(v.Row(0)[0])), math.Exp(float64(v.Row(0)[1]))
		for i := range n {
			starts += math.Exp(float64(v.Row(w.Before + i)[0]))
			ends += math.Exp(float64(v.Row(w.Before + i)[1]))
			for j := i; j < min(n, i+m.Config.AnswerTokens); j++ {
				if s := float64(v.Row(w.Before + i)[0]) + float64(v.Row(w.Before + j)[1]); s > best {
					best, text = s, strings.TrimSpace(q.Text[w.Places[i].Start:w.Places[j].End])
				}
			}
		}
		sum += starts * ends
	}
	a := p[0].Answers[0]
	if windows < 8 || a.Text != text || math.Abs(float64(a.Probability)-math.Exp(best)/sum) > 1e-4 {
		t.Errorf("%d windows: %+v, want %q with %v", windows, a, text, math.Exp(best)/sum)
	}
	if math.Abs(p[0].Doubt-(none-best)) > 1e-4 {
		t.Errorf("doubt %v, want %v", p[0].Doubt, none-best)
	}
	for _, threshold := range []float64{p[0].Doubt - 0.1, p[0].Doubt + 0.1} {
		m.Config.Thresholds = []float64{threshold}
		q, err := m.PredictQueries(context.Background(), []Query{q})
		if err != nil || (q[0].Answers[0].Text == "") != (threshold < p[0].Doubt) {
			t.Errorf("with a threshold of %v, and a doubt of %v: %+v", threshold, p[0].Doubt, q[0].Answers[0])
		}
	}
}

// TestAnswersAreLearntFromTheWindowsThatHaveThem looks at the targets of every window.
func TestAnswersAreLearntFromTheWindowsThatHaveThem(t *testing.T) {
	m := reader(t, "lstm")
	answer := "服务好，太脏了"
	start := strings.Index(story, answer)
	found, without := 0, 0
	for w := range m.Windows(story, "好？", true) {
		at := w.AnswerTarget(nil, start, start+len(answer))
		if at[0] == 0 && at[1] == 0 {
			without++
			continue
		}
		found++
		if got := story[w.Places[int(at[0])-w.Before].Start:w.Places[int(at[1])-w.Before].End]; got != answer {
			t.Errorf("tokens %v of the window %d to %d are %q", at, w.From, w.To, got)
		}
	}
	if found == 0 || without == 0 {
		t.Errorf("%d windows with the answer, %d without", found, without)
	}
}

// TestCheckpointsThatAnswerOpenAndPredict opens a checkpoint of others that has a head for answers.
func TestCheckpointsThatAnswerOpenAndPredict(t *testing.T) {
	m := smallEncoder(t, "bert_qa")
	if m.Config.Head != AnswerHead || !m.Config.Pair || len(m.Labels) > 0 {
		t.Fatalf("opened as %+v", m.Config)
	}
	s := strings.Repeat("a cab is bad and we go up ", 5)
	p, err := m.PredictQueries(context.Background(), []Query{{s, "is it bad"}, {"we", "who"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range p {
		if a.Answers[0].Text == "" || !strings.Contains([]string{s, "we"}[i], a.Answers[0].Text) {
			t.Errorf("answer %+v", a.Answers)
		}
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	q, err := again.PredictQueries(context.Background(), []Query{{s, "is it bad"}})
	if err != nil || fmt.Sprint(q[0].Answers) != fmt.Sprint(p[0].Answers) {
		t.Errorf("saved and opened: %v, want %v (%v)", q, p[0].Answers, err)
	}
}

func TestModelsThatCannotAnswerSaySo(t *testing.T) {
	m := small(t, "mlp")
	c := m.Config
	c.Head, c.Pair = AnswerHead, true
	if _, err := New(c, m.Clean, m.Tokenizer, nil, 3, nil); err == nil || !slices.ContainsFunc(TokenFamilies(), func(f string) bool { return strings.Contains(hint.Way(err), f) }) {
		t.Errorf("an mlp that answers: %v", err)
	}
	c = reader(t, "gru").Config
	c.Pair = false
	if _, err := New(c, m.Clean, m.Tokenizer, nil, 3, nil); err == nil || hint.Way(err) == "" {
		t.Errorf("answers without questions: %v", err)
	}
}
