package c99

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// entries writes the head of the model and the functions that programs call.
func (w *writer) entries() {
	w.head()
	name := w.name
	if labels := w.plan.Model.Labels; w.labelled() {
		w.printf("\nconst char *const %s_labels[%d] = {\n", name, len(labels))
		for _, l := range labels {
			w.printf("    %s,\n", quote(l))
			w.cost.Flash += len(l) + 1 + 4
		}
		w.printf("};\n")
	}
	ngram := w.plan.Family() == "ngram"
	if w.plan.Text != nil {
		w.part("length")
		run := "    run_network(scores, ids, ntokens);\n"
		before := "    tokenize(text, bytes);\n"
		switch w.plan.Family() {
		case "ngram":
			before, run = "", "    run_text(scores, tokenize(text, bytes));\n"
		case "fasttext":
			before, run = "", "    run_network(scores, read, read_runs(tokenize(text, bytes), read));\n"
		}
		w.printf(`
int %[1]s_predict_bytes(const char *text, size_t bytes, float *scores) {
    if (scores == 0 || (text == 0 && bytes > 0)) {
        return -1;
    }
%[2]s%[3]s    return decide(scores);
}

int %[1]s_predict(const char *text, float *scores) { return text == 0 ? -1 : %[1]s_predict_bytes(text, length(text), scores); }

int %[1]s_tokens(const char *text, size_t bytes, int32_t *tokens) {
    int i;
    if (tokens == 0 || (text == 0 && bytes > 0)) {
        return -1;
    }
    tokenize(text, bytes);
    for (i = 0; i < ntokens; i++) {
        tokens[i] = ids[i];
    }
    return ntokens;
}
`, name, before, run)
	}
	if ngram {
		w.printf(`
int %[1]s_predict_ids(const int32_t *tokens, int n, float *scores) {
    int i;
    if (scores == 0 || n < 0 || (tokens == 0 && n > 0)) {
        return -1;
    }
    nfeatures = 0;
    for (i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= ALL_FEATURES) {
            return -1;
        }
        add_feature((uint32_t)tokens[i]);
    }
    score_features(scores);
    return decide(scores);
}
`, name)
		return
	}
	w.printf(`
int %[1]s_predict_ids(const int32_t *tokens, int n, float *scores) {
    int i;
    if (scores == 0 || n < 0 || (tokens == 0 && n > 0)) {
        return -1;
    }
    if (n > %[2]s) {
        n = %[2]s;
    }
    for (i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= VOCABULARY) {
            return -1;
        }
    }
    run_network(scores, tokens, n);
    return decide(scores);
}
`, name, map[bool]string{true: fmt.Sprint(w.tokensRead()), false: "MAX_TOKENS"}[w.plan.Family() == "fasttext"])
}

// tokensRead is how many tokens and buckets a text of family fasttext has at most.
func (w *writer) tokensRead() int { return w.plan.Length * max(w.plan.Model.Config.NGram.Tokens, 1) }

func (w *writer) labelled() bool {
	h := w.plan.Model.Config.Head
	return h == model.ClassHead || h == model.MultiLabelHead
}

// head writes decide, which makes of logits what a program is told.
func (w *writer) head() {
	c := &w.plan.Model.Config
	sharpness := float32(1)
	if c.Temperature > 0 {
		sharpness = float32(1 / c.Temperature)
	}
	w.printf("\n")
	switch c.Head {
	case model.ClassHead:
		w.define("SHARPNESS", float(sharpness))
		w.part("class")
	case model.MultiLabelHead:
		thresholds := make([]float32, w.plan.Outputs)
		for i := range thresholds {
			thresholds[i] = 0.5
			if i < len(c.Thresholds) {
				thresholds[i] = float32(c.Thresholds[i])
			}
		}
		w.define("SHARPNESS", float(sharpness))
		table(w, "thresholds", thresholds)
		w.part("multilabel")
	case model.RegressionHead:
		w.define("MEAN", float(w.plan.Matrix("regressor.mean").Floats[0]), "DEVIATION", float(w.plan.Matrix("regressor.deviation").Floats[0]))
		w.part("regression")
	case model.EmbeddingHead:
		if c.Sentence != nil && c.Sentence.Normalize {
			w.part("embedding of length 1")
		} else {
			w.part("embedding")
		}
	}
}

// quote writes a string as C has it: bytes outside ASCII as octal numbers, which end where they end.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '?': // ?? would begin a trigraph
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "\\%03o", c)
		}
	}
	return b.String() + `"`
}

// returns says what the functions return.
func (w *writer) returns() string {
	switch w.plan.Model.Config.Head {
	case model.ClassHead:
		return "Scores are the probabilities of the labels; the result is the number of the most probable one."
	case model.MultiLabelHead:
		return "Scores are the probabilities of the labels, each by itself; the result is how many reach their threshold."
	case model.RegressionHead:
		return "scores[0] is the number; the result is 0."
	}
	return "Scores are the vector of the text; the result is 0."
}

// header is the header file.
func (w *writer) header(about string) string {
	p, upper := w.plan, strings.ToUpper(w.name)
	var b strings.Builder
	b.WriteString(comment(about))
	fmt.Fprintf(&b, "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", upper, upper)
	fmt.Fprintf(&b, "#define %s_OUTPUTS %d     /* numbers of scores */\n#define %s_MAX_TOKENS %d /* of a text that are read; the rest is cut off */\n", upper, p.Outputs, upper, p.Length)
	if p.Text != nil {
		fmt.Fprintf(&b, "#define %s_MAX_BYTES %d  /* the same in bytes */\n", upper, p.Bytes)
	}
	lines := w.returns() + "\nOf wrong arguments it is -1. The functions use static memory: one call at a time.\n\n" + w.cost.String()
	b.WriteString("\n" + comment(lines))
	if w.labelled() {
		fmt.Fprintf(&b, "extern const char *const %s_labels[%d];\n", w.name, p.Outputs)
	}
	if p.Text != nil {
		fmt.Fprintf(&b, "\n/* Predicts a text in UTF-8 that a zero byte ends. */\nint %s_predict(const char *text, float *scores);\n", w.name)
		fmt.Fprintf(&b, "\n/* The same for a text of so many bytes. */\nint %s_predict_bytes(const char *text, size_t bytes, float *scores);\n", w.name)
		fmt.Fprintf(&b, "\n/* Writes the tokens of a text, at most %s_MAX_TOKENS, and returns how many there are. */\nint %s_tokens(const char *text, size_t bytes, int32_t *tokens);\n", upper, w.name)
	}
	what := "tokens by the numbers of tokenizer.json"
	switch {
	case p.Family() == "ngram":
		what = "features of n-grams by their numbers, each as often as a text has it"
	case p.Family() == "fasttext":
		what = "tokens by the numbers of tokenizer.json, and behind them the buckets of their runs"
	}
	if p.Missing != "" {
		what += ".\n   Texts have to be cleaned and cut by the caller: no table here holds " + strings.ReplaceAll(p.Missing, "*/", "* /")
	}
	fmt.Fprintf(&b, "\n/* Predicts %s. */\nint %s_predict_ids(const int32_t *tokens, int n, float *scores);\n", what, w.name)
	b.WriteString("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
	return b.String()
}

// String tells a cost in a line.
func (c *Cost) String() string {
	return fmt.Sprintf("RAM %s, constants %s, %s multiplications and additions for a text of %d tokens", size.Bytes(int64(c.RAM)), size.Bytes(int64(c.Flash)), size.Count(int(c.MACs)), c.Length)
}
