package xiaoyu

import (
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// card writes the model card: Markdown with the front matter that Hugging Face's hub reads.
func card(c *Config, m *model.Model, r *eval.Report, set *data.Set) string {
	var b strings.Builder
	language := "en"
	if chineseShare(set.Parts[data.Train]) > 0.3 {
		language = "zh"
	}
	fmt.Fprintf(&b, "---\nlanguage: %s\nlibrary_name: xiaoyu\npipeline_tag: text-classification\ntags: [xiaoyu, %s, text-classification]\n", language, c.Model.Family)
	fmt.Fprintf(&b, "model-index:\n- name: %q\n  results:\n  - task: {type: text-classification}\n    dataset: {name: %q, type: %q}\n    metrics:\n", c.Name, filepath.Base(c.Data.Path), "private")
	fmt.Fprintf(&b, "    - {type: accuracy, value: %.4f}\n    - {type: f1, name: macro F1, value: %.4f}\n---\n\n", r.Accuracy, r.MacroF1)
	fmt.Fprintf(&b, "# %s\n\nA text classifier of the family `%s` (%s), trained with Xiaoyu 小语. It tells apart %d labels: %s.\n\n", c.Name, c.Model.Family, model.Describe(c.Model.Family), len(m.Labels), joinLabels(m.Labels))
	fmt.Fprintf(&b, "## Use\n\n```sh\nxiaoyu predict %s \"…\"\nxiaoyu serve %s\n```\n\n", c.Name, c.Name)
	fmt.Fprintf(&b, "## Figures\n\nOn %d held-out examples, chosen by the digest of their text.\n\n| figure | value | 95 %% interval |\n|---|---|---|\n", r.N)
	for _, f := range []struct {
		name, key string
		value     float64
	}{{"accuracy", "accuracy", r.Accuracy}, {"F1 (macro)", "macro_f1", r.MacroF1}, {"F1 (weighted)", "", r.WeightedF1}, {"log loss", "", r.LogLoss}, {"expected calibration error", "", r.ECE}} {
		interval := ""
		if i, ok := r.Intervals[f.key]; ok {
			interval = fmt.Sprintf("%.4f – %.4f", i.Low, i.High)
		}
		fmt.Fprintf(&b, "| %s | %.4f | %s |\n", f.name, f.value, interval)
	}
	fmt.Fprint(&b, "\n| label | precision | recall | F1 | examples |\n|---|---|---|---|---|\n")
	for _, l := range r.PerClass {
		fmt.Fprintf(&b, "| %s | %.4f | %.4f | %.4f | %d |\n", strings.ReplaceAll(l.Label, "|", `\|`), l.Precision, l.Recall, l.F1, l.Support)
	}
	fmt.Fprintf(&b, "\n## Facts\n\n- Parameters: %s; tokenizer: %s, %d tokens; at most %d tokens of a text are read.\n", size.Count(m.Params.Count()), c.Tokenizer.Kind, m.Tokenizer.VocabSize(), c.Model.MaxTokens)
	fmt.Fprintf(&b, "- Data: `%s`, %d rows after cleaning, of which %d for training and %d for validation.\n", filepath.Base(c.Data.Path), set.Report.Out, len(set.Parts[data.Train]), len(set.Parts[data.Validation]))
	b.WriteString("- What reproduces the model stands in `lineage.json`, all figures in `metrics.json`, digests of all files in `manifest.json`.\n\n")
	b.WriteString("## Limits\n\nThe figures hold for texts like those it was trained on. It answers with one of its labels for every text, also for one that fits none. Check it on your own examples with `xiaoyu eval` before you rely on it.\n")
	return b.String()
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
