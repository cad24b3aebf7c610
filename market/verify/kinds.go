package verify

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// Kind is what models can be measured at: which of them, by what rows, and by which figures. All that differs between the
// kinds stands here.
type Kind struct {
	Name    string   // as Benchmark.Kind has it
	Title   string   // what pages call it, in English
	Columns string   // what a file of examples has, in English
	Tasks   []string // of the models, as packages have them, the usual one first
	Metrics []string // what models may be ranked by, as package eval has it, the usual one first; by that one robustness is told
	Paired  bool     // rows always have a second text

	heads   []string            // of the models that can be measured, as try.About has them
	figures []string            // that records have
	claims  map[string][]string // the names that cards have for them, in lower case and with letters and digits alone

	// read takes what is to be said of a text from an example; ok is false where the example does not say. An error means that
	// its label is no number.
	read func(row *Row, e *data.Example, c *data.Columns) (ok bool, err error)
	// labels are those of a row; nil where rows have numbers.
	labels func(r *Row) []string
	fewest int // labels of a benchmark
	// take reads what a process says of texts, and refuses what no model can say; labels are the model's.
	take func(a *try.Answer, rows []Row, labels []string) ([]said, error)
	// judge compares what was said with the rows.
	judge func(labels []string, rows []Row, said []said, o eval.Options) (*eval.Report, error)
}

// said is what a model says of a text; which fields it has depends on the kind.
type said struct {
	probabilities []float32 // of all labels
	labels        []int     // that hold
	entities      []eval.Span
	number        float64
}

// Names of the kinds.
const (
	ofClass      = data.Classes
	ofLabels     = data.MultiLabel
	ofEntities   = data.Tags
	ofSimilarity = "similarity"
	ofNumbers    = data.Scores
)

var (
	accuracyNames = []string{"accuracy", "acc", "准确率"}
	macroF1Names  = []string{"macrof1", "f1macro", "宏平均f1"}
	microF1Names  = []string{"microf1", "f1micro", "微平均f1"}
	correlations  = map[string][]string{
		catalogue.Spearman: {"spearman", "spearmanr", "spearmansρ", "spearmansr", "spearmansrho", "spearmanrho", "spearmancosine", "cosinespearman", "cossimspearman", "斯皮尔曼相关系数"},
		catalogue.Pearson:  {"pearson", "pearsonr", "pearsonsr", "pearsoncosine", "cosinepearson", "cossimpearson", "皮尔逊相关系数"},
		meanError:          {"mae", "meanabsoluteerror", "平均绝对误差"},
	}
)

// meanError is the key of the one figure of which less is better, apart from the losses.
const meanError = "mae"

// Kinds are those that there are, the usual one first.
var Kinds = []*Kind{
	{
		Name: ofClass, Title: "One label", Columns: "a column of the label",
		Tasks: []string{"text-classification"}, Metrics: []string{catalogue.Accuracy, catalogue.MacroF1},
		heads: []string{""}, figures: []string{catalogue.Accuracy, catalogue.MacroF1, "log_loss", "ece"},
		claims: map[string][]string{catalogue.Accuracy: accuracyNames, catalogue.MacroF1: append([]string{"f1"}, macroF1Names...),
			"log_loss": {"logloss", "loss", "对数损失"}, "ece": {"ece", "calibrationerror", "expectedcalibrationerror", "校准误差"}},
		read: func(row *Row, e *data.Example, _ *data.Columns) (bool, error) {
			row.Label = e.Label
			return e.Label != "", nil
		},
		labels: func(r *Row) []string { return []string{r.Label} }, fewest: 2,
		take: func(a *try.Answer, rows []Row, labels []string) ([]said, error) {
			return probabilities(a, len(rows), len(labels))
		},
		judge: func(labels []string, rows []Row, all []said, o eval.Options) (*eval.Report, error) {
			number, targets, list := numbers(labels), make([]int, len(rows)), make([][]float32, len(rows))
			for i := range rows {
				targets[i], list[i] = number[rows[i].Label], all[i].probabilities
			}
			return eval.Classify(labels, targets, list, o)
		},
	},
	{
		Name: ofLabels, Title: "Several labels", Columns: "a column of the labels, with the separator between them, or a list; empty where none holds",
		Tasks: []string{"text-classification"}, Metrics: []string{catalogue.MicroF1, catalogue.MacroF1},
		heads: []string{data.MultiLabel}, figures: []string{catalogue.MicroF1, catalogue.MacroF1},
		claims: map[string][]string{catalogue.MicroF1: append([]string{"f1"}, microF1Names...), catalogue.MacroF1: macroF1Names},
		read: func(row *Row, e *data.Example, c *data.Columns) (bool, error) {
			separator := c.Separator
			if separator == "" {
				separator = "|"
			}
			row.Labels = data.SplitLabels(e.Label, separator)
			return true, nil
		},
		labels: func(r *Row) []string { return r.Labels }, fewest: 2,
		take: func(a *try.Answer, rows []Row, labels []string) ([]said, error) {
			list, err := probabilities(a, len(rows), len(labels))
			if err == nil && len(a.Hold) != len(rows) {
				err = miscounted(len(a.Hold), len(rows))
			}
			if err != nil {
				return nil, err
			}
			for i, hold := range a.Hold {
				for k, l := range hold {
					if l < 0 || l >= len(labels) || k > 0 && l <= hold[k-1] {
						return nil, nonsense("label %d of %d", l, len(labels))
					}
				}
				list[i].labels = hold
			}
			return list, nil
		},
		judge: func(labels []string, rows []Row, all []said, o eval.Options) (*eval.Report, error) {
			number, targets, found, list := numbers(labels), make([][]int, len(rows)), make([][]int, len(rows)), make([][]float32, len(rows))
			for i := range rows {
				for _, l := range rows[i].Labels {
					targets[i] = append(targets[i], number[l])
				}
				found[i], list[i] = all[i].labels, all[i].probabilities
			}
			return eval.JudgeSets(labels, targets, found, list, o)
		},
	},
	{
		Name: ofEntities, Title: "Entities", Columns: "labelled stretches: tokens with tags (CoNLL), or a column or key of entities",
		Tasks: []string{"token-classification"}, Metrics: []string{catalogue.MicroF1, catalogue.MacroF1},
		heads: []string{data.Tags}, figures: []string{catalogue.MicroF1, "micro_precision", "micro_recall", catalogue.MacroF1},
		claims: map[string][]string{catalogue.MicroF1: append([]string{"f1", "entityf1", "f1entity", "overallf1", "nerf1", "实体f1"}, microF1Names...), catalogue.MacroF1: macroF1Names,
			"micro_precision": {"precision", "overallprecision", "精确率"}, "micro_recall": {"recall", "overallrecall", "召回率"}},
		read: func(row *Row, e *data.Example, _ *data.Columns) (bool, error) {
			row.Entities = e.Entities
			return true, nil
		},
		labels: func(r *Row) (list []string) {
			for _, e := range r.Entities {
				list = append(list, e.Label)
			}
			return list
		}, fewest: 1,
		take: takeEntities,
		judge: func(labels []string, rows []Row, all []said, o eval.Options) (*eval.Report, error) {
			targets, found := make([][]eval.Span, len(rows)), make([][]eval.Span, len(rows))
			for i := range rows {
				for _, e := range rows[i].Entities {
					targets[i] = append(targets[i], eval.Span{Start: e.Start, End: e.End, Label: e.Label})
				}
				found[i] = all[i].entities
			}
			return eval.JudgeEntities(labels, targets, found, o)
		},
	},
	{
		Name: ofSimilarity, Title: "Graded pairs", Columns: "columns of both texts, and one of a number: the larger, the more alike", Paired: true,
		Tasks: []string{"sentence-similarity", "feature-extraction", "text-classification", "text-regression"}, Metrics: []string{catalogue.Spearman, catalogue.Pearson},
		heads: []string{data.Similarity, data.Scores}, figures: []string{catalogue.Spearman, catalogue.Pearson}, claims: correlations,
		read: readScore, take: takeNumbers,
		judge: func(_ []string, rows []Row, all []said, o eval.Options) (*eval.Report, error) {
			return judgeNumbers(eval.JudgeSimilarity, rows, all, o)
		},
	},
	{
		Name: ofNumbers, Title: "A number", Columns: "a column of a number",
		Tasks: []string{"text-classification", "text-regression"}, Metrics: []string{catalogue.Spearman, catalogue.Pearson},
		heads: []string{data.Scores}, figures: []string{catalogue.Spearman, catalogue.Pearson, meanError}, claims: correlations,
		read: readScore, take: takeNumbers,
		judge: func(_ []string, rows []Row, all []said, o eval.Options) (*eval.Report, error) {
			return judgeNumbers(eval.JudgeNumbers, rows, all, o)
		},
	},
}

// KindOf returns a kind by its name, that of one label for ""; an error wraps catalogue.ErrInvalid.
func KindOf(name string) (*Kind, error) {
	if name == "" {
		return Kinds[0], nil
	}
	var names []string
	for _, k := range Kinds {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return nil, hint.Errorf("it is "+oneOf(names), "the kind of benchmark %.40q is not known: %w", name, catalogue.ErrInvalid)
}

// oneOf writes a choice.
func oneOf(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Metrics lists the figures that models are ranked by, each once.
func Metrics() []string { return each(func(k *Kind) []string { return k.Metrics }) }

// Tasks lists the tasks of models that can be measured, each once.
func Tasks() []string { return each(func(k *Kind) []string { return k.Tasks }) }

func each(of func(*Kind) []string) (list []string) {
	for _, k := range Kinds {
		for _, x := range of(k) {
			if !slices.Contains(list, x) {
				list = append(list, x)
			}
		}
	}
	return list
}

// fits tells whether a model can be measured by rows of the kind, with second texts or without; an error wraps errUnfit.
func (k *Kind) fits(about *try.About, pairs bool, labels []string) error {
	if !slices.Contains(k.heads, about.Head) {
		return fmt.Errorf("it says something else of texts than the benchmark asks: %w", errUnfit)
	}
	// What embeds texts embeds those of pairs one by one.
	if about.Head != data.Similarity && about.Pair != pairs {
		return fmt.Errorf("one of model and benchmark has pairs of texts, the other has not: %w", errUnfit)
	}
	for _, l := range labels {
		if !slices.Contains(about.Labels, l) {
			return fmt.Errorf("it does not know the label %q: %w", l, errUnfit)
		}
	}
	return nil
}

// value is a figure of a report. A correlation that does not exist, for all answers are the same, is 0: there is no order.
func value(report *eval.Report, key string) float64 {
	for _, f := range report.Figures() {
		if f.Key == key {
			return f.Value
		}
	}
	return 0
}

// numbers are those of labels.
func numbers(labels []string) map[string]int {
	number := make(map[string]int, len(labels))
	for i, l := range labels {
		number[l] = i
	}
	return number
}

func nonsense(format string, args ...any) error {
	return hint.Errorf("tell the publisher", "%w: "+format, append([]any{errNonsense}, args...)...)
}

func miscounted(answers, texts int) error { return nonsense("%d answers to %d texts", answers, texts) }

// probabilities are those that a process gives of all labels.
func probabilities(a *try.Answer, texts, labels int) ([]said, error) {
	if len(a.Batch) != texts {
		return nil, miscounted(len(a.Batch), texts)
	}
	list := make([]said, texts)
	for i, p := range a.Batch {
		if len(p) != labels {
			return nil, nonsense("%d probabilities for %d labels", len(p), labels)
		}
		list[i].probabilities = p
	}
	return list, nil
}

// takeEntities reads entities, which stand in the order of the text, and of which there are no more than characters.
func takeEntities(a *try.Answer, rows []Row, labels []string) ([]said, error) {
	if len(a.Found) != len(rows) {
		return nil, miscounted(len(a.Found), len(rows))
	}
	list := make([]said, len(rows))
	for i, found := range a.Found {
		text, at := rows[i].Text, 0
		if n := utf8.RuneCountInString(text); len(found) > n {
			return nil, nonsense("%d entities in %d characters", len(found), n)
		}
		for _, e := range found {
			if e.Start < at || e.End <= e.Start || e.End > len(text) || e.Label < 0 || e.Label >= len(labels) {
				return nil, nonsense("an entity of type %d of %d from byte %d to %d of %d, after one from %d", e.Label, len(labels), e.Start, e.End, len(text), at)
			}
			at = e.Start
			list[i].entities = append(list[i].entities, eval.Span{Start: e.Start, End: e.End, Label: labels[e.Label]})
		}
	}
	return list, nil
}

// takeNumbers reads a number for each text, or pair of texts.
func takeNumbers(a *try.Answer, rows []Row, _ []string) ([]said, error) {
	if len(a.Numbers) != len(rows) {
		return nil, miscounted(len(a.Numbers), len(rows))
	}
	list := make([]said, len(rows))
	for i, v := range a.Numbers {
		if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
			return nil, nonsense("a number that is none")
		}
		list[i].number = *v
	}
	return list, nil
}

// readScore reads a label that is a number.
func readScore(row *Row, e *data.Example, _ *data.Columns) (bool, error) {
	if e.Label == "" {
		return false, nil
	}
	v, err := data.ParseScore(e.Label)
	row.Score = &v
	return true, err
}

func judgeNumbers(judge func(truth, said []float64, o eval.Options) (*eval.Report, error), rows []Row, all []said, o eval.Options) (*eval.Report, error) {
	truth, numbers := make([]float64, len(rows)), make([]float64, len(rows))
	for i := range rows {
		truth[i], numbers[i] = *rows[i].Score, all[i].number
	}
	return judge(truth, numbers, o)
}
