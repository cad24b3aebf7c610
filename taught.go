package xiaoyu

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Taught compares a student with its teacher, on the rows that the student is judged on.
type Taught struct {
	Teacher    string            `json:"teacher"`
	Digest     string            `json:"digest"`
	Texts      int               `json:"texts"`                // without a label, that the teacher alone labelled
	Rows       int               `json:"rows"`                 // that both are judged on
	Agreement  float64           `json:"agreement"`            // the student's main figure where the teacher's answers are the truth
	Comparison *eval.Comparison  `json:"comparison,omitempty"` // A is the teacher, B the student; nil without rows
	Intervals  [2]*eval.Interval `json:"intervals"`            // 95 %, of the main figure of teacher and student
	Parameters [2]int            `json:"parameters"`           // of both; 0 where that is not known
	Bytes      [2]int64          `json:"bytes"`
	Milli      [2]float64        `json:"milliseconds"` // median of one text
}

// taught compares; predictions are the student's, of rows.
func (t *training) taught(ctx context.Context, rows []data.Row, predictions []model.Prediction) (*Taught, error) {
	if t.lesson == nil {
		return nil, nil
	}
	about := t.lesson.teacher.About()
	out := &Taught{Teacher: about.Name, Digest: about.Digest, Texts: len(t.lesson.transfer), Parameters: [2]int{about.Parameters, t.model.Parameters()}, Bytes: [2]int64{about.Bytes, 0}}
	queries := make([]model.Query, len(rows))
	for i, r := range rows {
		queries[i] = model.Query{Text: r.Text, Pair: r.Pair}
	}
	opinions, err := t.ask(ctx, "comparing with the teacher", queries)
	if err != nil {
		return nil, err
	}
	var both, byTeacher []data.Row
	var teacher, student []model.Prediction
	for i := range opinions {
		if opinions[i].Logits == nil {
			continue
		}
		p := distill.Predict(about, t.set.Labels, rows[i].Text, &opinions[i])
		both, byTeacher = append(both, rows[i]), append(byTeacher, t.answered(rows[i], &p))
		teacher, student = append(teacher, p), append(student, predictions[i])
	}
	if out.Rows = len(both); out.Rows == 0 {
		return out, nil
	}
	o := eval.Options{Rounds: t.config.Eval.Bootstrap, Seed: t.config.Train.Seed}
	a, err := judgeRows(t.model, both, teacher, o)
	if err != nil {
		return nil, err
	}
	b, err := judgeRows(t.model, both, student, o)
	if err != nil {
		return nil, err
	}
	agreement, err := judgeRows(t.model, byTeacher, student, eval.Options{})
	if err != nil {
		return nil, err
	}
	out.Agreement = agreement.Main().Value
	for i, r := range []*eval.Report{a, b} {
		if interval, ok := r.Intervals[r.Main().Key]; ok {
			out.Intervals[i] = &interval
		}
	}
	if out.Comparison, err = eval.Compare(a, b, "teacher", "student", o); err != nil {
		return nil, err
	}
	out.Comparison.Differ = nil // texts of the user's data
	return out, t.timeBoth(ctx, out, queries)
}

// timeBoth measures how long teacher and student take for one text.
func (t *training) timeBoth(ctx context.Context, out *Taught, queries []model.Query) error {
	const texts = 20
	queries = queries[:min(len(queries), texts)]
	asked := []func(q []model.Query) error{
		func(q []model.Query) error { return distill.Time(ctx, t.lesson.teacher, q) },
		func(q []model.Query) error { _, err := t.model.PredictQueries(ctx, q); return err },
	}
	for i, ask := range asked {
		if i == 0 && (t.lesson.teacher.About().Slow || t.lesson.teacher.About().Parameters == 0) { // no model
			continue
		}
		var times []float64
		for j := range queries {
			start := time.Now()
			if err := ask(queries[j : j+1]); err != nil {
				return err
			}
			times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		}
		slices.Sort(times)
		out.Milli[i] = times[len(times)/2]
	}
	return nil
}

// Text prints the comparison for people.
func (c *Taught) Text(w io.Writer) {
	fmt.Fprintf(w, "%-28s %12s %12s\n", "", "teacher", "student")
	if c.Comparison != nil {
		f := c.Comparison.Figures[0]
		fmt.Fprintf(w, "%-28s %12.4f %12.4f   %+.4f (%+.4f … %+.4f)\n", fmt.Sprintf("%s on %d rows", f.Name, c.Rows), f.A, f.B, f.Difference, f.Interval.Low, f.Interval.High)
		if c.Intervals[0] != nil && c.Intervals[1] != nil {
			fmt.Fprintf(w, "%-28s %12s %12s\n", "95 % interval", fmt.Sprintf("%.3f–%.3f", c.Intervals[0].Low, c.Intervals[0].High), fmt.Sprintf("%.3f–%.3f", c.Intervals[1].Low, c.Intervals[1].High))
		}
	}
	if c.Parameters[0] > 0 {
		fmt.Fprintf(w, "%-28s %12s %12s   %s\n", "parameters", size.Count(c.Parameters[0]), size.Count(c.Parameters[1]), times(float64(c.Parameters[0]), float64(c.Parameters[1])))
		fmt.Fprintf(w, "%-28s %12s %12s   %s\n", "on disk", size.Bytes(c.Bytes[0]), size.Bytes(c.Bytes[1]), times(float64(c.Bytes[0]), float64(c.Bytes[1])))
	}
	if c.Milli[0] > 0 {
		fmt.Fprintf(w, "%-28s %9.3g ms %9.3g ms   %s\n", "one text, median", c.Milli[0], c.Milli[1], times(c.Milli[0], c.Milli[1]))
	}
	if c.Comparison != nil {
		fmt.Fprintf(w, "%-28s %25.4f\n", "agreement", c.Agreement)
	}
}

// facts are what the report's page says of the teacher.
func (c *Taught) facts() []eval.Fact {
	if c == nil {
		return nil
	}
	facts := []eval.Fact{{Name: "taught by", NameZH: "教师模型", Value: c.Teacher}, {Name: "texts without a label", NameZH: "无标注文本", Value: fmt.Sprint(c.Texts)}}
	if c.Comparison != nil {
		f := c.Comparison.Figures[0]
		facts = append(facts, eval.Fact{Name: "teacher's " + f.Name, NameZH: "教师的" + f.NameZH, Value: fmt.Sprintf("%.4f", f.A)},
			eval.Fact{Name: "agreement with the teacher", NameZH: "与教师一致", Value: fmt.Sprintf("%.4f", c.Agreement)})
	}
	return facts
}

// times says how much smaller the student is.
func times(teacher, student float64) string {
	factor := teacher / math.Max(student, 1e-12)
	if factor >= 1 {
		return fmt.Sprintf("%.3g times less", factor)
	}
	return fmt.Sprintf("%.3g times more", 1/factor)
}
