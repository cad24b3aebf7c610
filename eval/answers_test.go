package eval

import (
	"math"
	"slices"
	"testing"
)

// TestAnswersAreComparedByTheRulesOfTheirTasks has cases worked out by hand from the definitions of SQuAD's and CMRC
// 2018's evaluation; e2e/thirdparty compares with programs.
func TestAnswersAreComparedByTheRulesOfTheirTasks(t *testing.T) {
	for _, c := range []struct {
		chinese       bool
		answer, found string
		exact         bool
		f1            float64
	}{
		{false, "the brick oven", "Brick oven!", true, 1},
		{false, "a granite cliff", "granite", false, 2.0 / 3},
		{false, "two sisters", "sisters two", false, 1},
		{false, "theatre", "the theatre", true, 1},
		{false, "forty", "", false, 0},
		{false, "the", "", true, 1}, // nothing but an article is nothing
		{false, "U.S.A.", "usa", true, 1},
		{false, "to be or to go", "to to to", false, 0.5},
		{true, "五个拱", "五个", false, 0.8},
		{true, "《云岭》", "云岭", true, 1},
		{true, "3月5日", "3 月5日", false, 1},
		{true, "白茶和红茶", "红茶和白茶", false, 0.4}, // the longest run alone
		{true, "apple公司", "Apple 公司", false, 1},
		{true, "二十", "", false, 0},
	} {
		exact, f1 := Matcher{c.chinese}.match(c.answer, c.found)
		if exact != c.exact || math.Abs(f1-c.f1) > 1e-9 {
			t.Errorf("%q against %q: %v %v, want %v %v", c.found, c.answer, exact, f1, c.exact, c.f1)
		}
	}
}

func TestQuestionsWithoutAnAnswerAreJudged(t *testing.T) {
	asked := []Asked{
		{Answers: []string{"in the station", "station"}, Found: "station", Probability: 0.9},
		{Answers: []string{"two sisters"}, Found: "sisters", Probability: 0.8},
		{Answers: nil, Found: "", Probability: 0.7},
		{Answers: nil, Found: "grey", Probability: 0.6},
		{Answers: []string{"noon"}, Found: "", Probability: 0.5},
	}
	r, err := JudgeAnswers(asked, Options{Mistakes: 9, Rounds: 50})
	if err != nil {
		t.Fatal(err)
	}
	third := 2.0 / 3
	for key, want := range map[string]float64{
		"exact_match": 0.4, "answer_f1": (2 + third) / 5, "answered_exact": 1.0 / 3, "answered_f1": (1 + third) / 3, "no_answer_accuracy": 0.5,
	} {
		if math.Abs(r.More[key]-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", key, r.More[key], want)
		}
	}
	if len(r.Mistakes) != 3 || r.Mistakes[0].Predicted != "sisters" || r.Mistakes[1].Target != "(none)" || r.Mistakes[2].Predicted != "(none)" {
		t.Errorf("mistakes %+v", r.Mistakes)
	}
	if i := r.Intervals["answer_f1"]; !(i.Low < r.More["answer_f1"] && r.More["answer_f1"] < i.High) {
		t.Errorf("interval %+v", i)
	}
	if _, err := JudgeAnswers(nil, Options{}); err == nil {
		t.Error("no questions were judged")
	}
}

// TestTheThresholdOfDoubtIsTheBest compares with trying all of them.
func TestTheThresholdOfDoubtIsTheBest(t *testing.T) {
	doubts := []float64{-3, -1, -1, 0.5, 2, 2.5, 4}
	answered := []float64{1, 0.5, 0, 0.8, 0, 0.3, 0}
	none := []float64{0, 0, 1, 0, 1, 0, 1}
	value := func(threshold float64) (sum float64) {
		for i, d := range doubts {
			if d > threshold {
				sum += none[i]
			} else {
				sum += answered[i]
			}
		}
		return sum
	}
	best := 0.0
	for threshold := -5.0; threshold < 6; threshold += 0.1 {
		best = max(best, value(threshold))
	}
	if got := value(NoAnswerThreshold(doubts, answered, none)); math.Abs(got-best) > 1e-9 {
		t.Errorf("%v, the best is %v", got, best)
	}
	if got := NoAnswerThreshold([]float64{1, 2}, []float64{0, 0}, []float64{1, 1}); got >= 1 {
		t.Errorf("where nothing has an answer: %v", got)
	}
	if got := NoAnswerThreshold([]float64{1, 2}, []float64{1, 1}, []float64{0, 0}); got <= 2 {
		t.Errorf("where everything has one: %v", got)
	}
}

func TestRunsAndSharedWords(t *testing.T) {
	if got := chineseUnits("他在2024年，用iPhone 15拍"); !slices.Equal(got, []string{"他", "在", "2024", "年", "用", "iphone", "15", "拍"}) {
		t.Errorf("%q", got)
	}
	if got := squadWords("An apple a day; the End."); !slices.Equal(got, []string{"apple", "day", "end"}) {
		t.Errorf("%q", got)
	}
}
