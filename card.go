package xiaoyu

import (
	"fmt"
	"math"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// card writes the model card: Markdown with the front matter that Hugging Face's hub reads
// (https://huggingface.co/docs/hub/model-cards), with figures of the model's task.
func card(c *Config, m *model.Model, r *eval.Report, set *data.Set) string {
	var b strings.Builder
	cardFront(&b, c, m, r, set)
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", c.Name, cardSentence(c, m, set))
	fmt.Fprintf(&b, "## Use\n\n```sh\nxiaoyu predict %s \"…\"\nxiaoyu serve %s\n```\n\n", c.Name, c.Name)
	fmt.Fprintf(&b, "## Figures\n\nOn %d %s.\n\n| figure | value | 95 %% interval |\n|---|---|---|\n", r.N, judgedOn(c, set))
	for _, f := range r.Figures() {
		interval := ""
		if i, ok := r.Intervals[f.Key]; ok {
			interval = fmt.Sprintf("%.4f – %.4f", i.Low, i.High)
		}
		fmt.Fprintf(&b, "| %s | %.4f | %s |\n", f.Name, f.Value, interval)
	}
	if u := r.Before; u != nil {
		fmt.Fprintf(&b, "\nProbabilities are calibrated by a temperature of %.2f: calibration error %.4f before, %.4f after; log loss %.4f before, %.4f after.\n", u.Temperature, u.ECE, r.ECE, u.LogLoss, r.LogLoss)
	}
	cardLabels(&b, r)
	fmt.Fprintf(&b, "\n## Facts\n\n%s", cardFacts(c, m))
	fmt.Fprintf(&b, "- Data: `%s`, %d rows after cleaning, of which %d for training and %d for validation.\n", filepath.Base(c.Data.Path), set.Report.Out, len(set.Parts[data.Train]), len(set.Parts[data.Validation]))
	b.WriteString("- What reproduces the model stands in `lineage.json`, all figures in `metrics.json`, digests of all files in `manifest.json`.\n\n")
	fmt.Fprintf(&b, "## Limits\n\nThe figures hold for texts like those it was trained on. %s Check it on your own examples with `xiaoyu eval` before you rely on it.\n", cardLimit(m))
	return b.String()
}

// cardFacts says how large the model is and what it reads.
func cardFacts(c *Config, m *model.Model) string {
	if m.Ensemble == nil {
		return fmt.Sprintf("- Parameters: %s; tokenizer: %s, %d tokens; at most %d tokens of a text are read.\n", size.Count(m.Parameters()), c.Tokenizer.Kind, m.Tokenizer.VocabSize(), c.Model.MaxTokens)
	}
	how := "averaged"
	if m.Ensemble.Vote {
		how = "put to the vote"
	}
	var members []string
	for i, member := range m.Ensemble.Members {
		members = append(members, fmt.Sprintf("%s (%.3f)", member.Config.Family, m.Ensemble.Weights[i]))
	}
	return fmt.Sprintf("- Parameters: %s, of all members.\n- Members and their weights, whose answers are %s: %s.\n", size.Count(m.Parameters()), how, strings.Join(members, ", "))
}

// hubMetrics are the figures of each task that stand in the front matter, under the names that the hub's metrics have.
var hubMetrics = map[string][][2]string{ // type on the hub, key of ours
	"":              {{"accuracy", "accuracy"}, {"f1", "macro_f1"}, {"matthews_correlation", "mcc"}, {"roc_auc", "roc_auc"}},
	eval.Sets:       {{"f1", "micro_f1"}, {"f1", "macro_f1"}, {"accuracy", "accuracy"}, {"roc_auc", "roc_auc"}},
	eval.Numbers:    {{"mae", "mae"}, {"mse", "mse"}, {"r_squared", "r2"}, {"pearsonr", "pearson"}, {"spearmanr", "spearman"}},
	eval.Similarity: {{"spearmanr", "spearman"}, {"recall_at_1", "recall_at_1"}, {"mrr", "mrr"}, {"accuracy", "pair_accuracy"}, {"f1", "pair_f1"}},
	eval.Answered:   {{"f1", "answer_f1"}, {"exact_match", "exact_match"}},
	eval.Entities:   {{"f1", "micro_f1"}, {"precision", "micro_precision"}, {"recall", "micro_recall"}},
}

func cardFront(b *strings.Builder, c *Config, m *model.Model, r *eval.Report, set *data.Set) {
	language := "en"
	if chineseShare(set.Parts[data.Train]) > 0.3 {
		language = "zh"
	}
	task := "text-classification" // the hub has one for numbers and for pairs as well
	switch m.Config.Head {
	case model.TokensHead:
		task = "token-classification"
	case model.EmbeddingHead:
		task = "sentence-similarity"
	case model.AnswerHead:
		task = "question-answering"
	}
	tags := []string{"xiaoyu", c.Model.Family, task}
	if name := taskName(m.Config.Head); name != data.Classes && m.Config.Head != model.TokensHead {
		tags = append(tags, name)
	}
	if m.Config.Pair {
		tags = append(tags, "text-pair")
	}
	fmt.Fprintf(b, "---\nlanguage: %s\nlibrary_name: xiaoyu\npipeline_tag: %s\ntags: [%s]\n", language, task, strings.Join(tags, ", "))
	fmt.Fprintf(b, "model-index:\n- name: %q\n  results:\n  - task: {type: %s}\n    dataset: {name: %q, type: private}\n    metrics:\n", c.Name, task, filepath.Base(c.Data.Path))
	for _, metric := range hubMetrics[r.Task] {
		for _, f := range r.Figures() {
			if f.Key == metric[1] {
				fmt.Fprintf(b, "    - {type: %s, name: %q, value: %.4f}\n", metric[0], f.Name, f.Value)
			}
		}
	}
	b.WriteString("---\n\n")
}

// cardSentence says what the model does.
func cardSentence(c *Config, m *model.Model, set *data.Set) string {
	reads := "a text"
	if m.Config.Pair {
		reads = "a pair of texts"
	}
	by := fmt.Sprintf("of the family `%s` (%s), trained with Xiaoyu 小语", c.Model.Family, model.Describe(c.Model.Family))
	switch m.Config.Head {
	case model.MultiLabelHead:
		return fmt.Sprintf("A text classifier %s. It says of %s which of %d labels hold, any number of them: %s.", by, reads, len(m.Labels), joinLabels(m.Labels))
	case model.RegressionHead:
		low, high := math.Inf(1), math.Inf(-1)
		for _, row := range set.Parts[data.Train] {
			low, high = min(low, row.Score), max(high, row.Score)
		}
		return fmt.Sprintf("A model %s. It predicts a number for %s; in the training data it lies between %g and %g.", by, reads, low, high)
	case model.EmbeddingHead:
		return fmt.Sprintf("A sentence encoder %s. It gives a text a vector of %d numbers and length 1; the inner product of two is how similar their texts are.", by, m.Dim())
	case model.AnswerHead:
		return fmt.Sprintf("A reader %s. It answers a question about a text by a stretch of the text%s.", by, map[bool]string{true: ", or says that there is no answer"}[len(m.Config.Thresholds) > 0])
	case model.TokensHead:
		return fmt.Sprintf("A tagger %s. It marks stretches of a text, of %d types: %s.", by, len(m.Types()), joinLabels(m.Types()))
	}
	return fmt.Sprintf("A text classifier %s. It tells apart %d labels of %s: %s.", by, len(m.Labels), reads, joinLabels(m.Labels))
}

// judgedOn says what the examples of the figures are.
func judgedOn(c *Config, set *data.Set) string {
	switch {
	case len(set.Parts[data.Test]) > 0 && c.Data.Test != "":
		return fmt.Sprintf("examples of `%s`", filepath.Base(c.Data.Test))
	case len(set.Parts[data.Test]) > 0 && c.Data.Split.By == "time":
		return "held-out examples, the latest of the data"
	case len(set.Parts[data.Test]) > 0:
		return "held-out examples, chosen by the digest of their text"
	case len(set.Parts[data.Validation]) > 0:
		return "examples of the validation part, by which the model was chosen as well: the figures flatter it"
	}
	return "examples that it was trained on: the figures say little"
}

func cardLabels(b *strings.Builder, r *eval.Report) {
	if len(r.PerClass) == 0 {
		return
	}
	threshold, line := "", ""
	if slices.ContainsFunc(r.PerClass, func(c eval.Class) bool { return c.Threshold > 0 }) {
		threshold, line = " threshold |", "---|"
	}
	unit := "examples"
	if r.Task == eval.Entities {
		unit = "entities"
	}
	fmt.Fprintf(b, "\n| label | precision | recall | F1 | %s |%s\n|---|---|---|---|---|%s\n", unit, threshold, line)
	for _, l := range r.PerClass {
		fmt.Fprintf(b, "| %s | %.4f | %.4f | %.4f | %d |", strings.ReplaceAll(l.Label, "|", `\|`), l.Precision, l.Recall, l.F1, l.Support)
		if threshold != "" {
			fmt.Fprintf(b, " %.3f |", l.Threshold)
		}
		b.WriteByte('\n')
	}
}

// cardLimit says what the model does with a text that is none of its business.
func cardLimit(m *model.Model) string {
	switch m.Config.Head {
	case model.MultiLabelHead:
		return "A text to which none of its labels fits may get none, or wrong ones."
	case model.RegressionHead:
		return "It answers with a number for every text, also for one that has nothing to do with them."
	case model.EmbeddingHead:
		return "It has a vector for every text, also for one that has nothing to do with them."
	case model.AnswerHead:
		return "Its answers are stretches of the given text, whether or not what stands there is true."
	case model.TokensHead:
		return "It knows no types but these, and finds them in any text, sensible or not."
	}
	return "It answers with one of its labels for every text, also for one that fits none."
}

// Labels of a report are few enough to name in a card.
func joinLabels(labels []string) string {
	shown := slices.Clone(labels[:min(len(labels), 50)])
	out := ""
	for i, l := range shown {
		if i > 0 {
			out += ", "
		}
		out += "`" + l + "`"
	}
	if len(labels) > len(shown) {
		out += fmt.Sprintf(" and %d more", len(labels)-len(shown))
	}
	return out
}

// Version returns the version of this module, or the revision that it was built from.
func Version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := b.Main.Version
	for _, d := range b.Deps {
		if d.Path == "github.com/xiaoyu-slm/xiaoyu" {
			version = d.Version
		}
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return version
}
