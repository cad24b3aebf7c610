package c99

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export/plan"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// source writes all behind the head.
func (w *writer) source() string {
	p := w.plan
	w.printf("\n#include <stddef.h>\n#include <stdint.h>\n")
	w.printf("%s\n", includeMark)
	weight, product := "float", "float"
	if p.Int8 {
		weight, product = "int8_t", "int32_t" // 8192 products of two numbers up to 127 stay below 2³¹
	}
	w.define("MAX_TOKENS", p.Length, "OUTPUTS", p.Outputs)
	w.printf("\ntypedef %s weight;\ntypedef %s product; /* sums of products of two weights */\n", weight, product)
	if p.Text != nil {
		w.text(p.Text)
	}
	w.network()
	w.entries()
	b := w.b.String()
	include := ""
	if strings.Contains(b, "sqrt") || strings.Contains(b, "erff(") {
		include = "#include <math.h>\n"
	}
	return strings.Replace(b, includeMark+"\n", include, 1)
}

// includeMark stands where math.h is included, if it is: that is known in the end.
const includeMark = "/* math */"

// text writes what turns texts into tokens.
func (w *writer) text(t *plan.Text) {
	w.define("TEXT_BYTES", w.plan.Bytes)
	w.memory(2 * (w.plan.Bytes + 8))
	w.part("map")
	w.printf("\n")
	var composed []uint32
	for _, c := range t.Composed {
		composed = append(composed, uint32(c[0]), uint32(c[1]), uint32(c[2]))
	}
	table(w, "composed_list", composed)
	w.printf("static const compositions composed = {composed_list, %d};\n", len(t.Composed))
	w.part("map characters")
	w.cleaning(t)
	w.printf("\n")
	w.mapping("normal", &t.Normal)
	switch {
	case t.Apart:
		w.ranges("ideographs", plan.IdeographRanges())
		w.part("normalize with ideographs apart")
	case t.Cut == plan.Marks:
		w.part("normalize with marks for spaces")
	default:
		w.part("normalize")
	}
	w.tokens(t)
}

// cleaning writes the steps of cleaning.
func (w *writer) cleaning(t *plan.Text) {
	for _, s := range t.Steps {
		switch s {
		case "html":
			w.printf("\n#define TAG_INLINE %d\n#define TAG_RAW %d\n#define TAG_HIDDEN %d\n#define TAG_PLAIN %d\n", plan.TagInline, plan.TagRaw, plan.TagHidden, plan.TagPlain)
			tags := plan.HTMLTags()
			longest := 0
			for i := range tags.Words.Len() {
				longest = max(longest, len(tags.Words.Text(i)))
			}
			w.define("TAG_LONGEST", longest)
			w.words("tags", tags.Words)
			table(w, "tag_kinds", tags.Kinds)
			names, characters := plan.HTMLEntities()
			w.words("entities", names)
			table(w, "entity_characters", characters)
			table(w, "windows_1252", plan.Windows1252())
			w.part("html")
		case "unicode":
			w.printf("\n")
			w.mapping("unified", &t.Unified)
			w.part("unicode")
		case "urls":
			w.part("urls")
		case "repeats":
			w.printf("\n#define REPEATS %d\n", t.Repeats)
			w.ranges("digits", plan.DigitRanges())
			w.part("repeats")
		default:
			w.part(s)
		}
	}
	if len(t.Steps) == 0 {
		w.printf("\nstatic const text *clean(void) { return &texts[0]; }\n")
		return
	}
	w.printf("\n#define STEPS %s\n", strings.Join(t.Steps, ", "))
	w.part("clean")
}

// tokens writes the vocabulary, and what cuts texts into tokens.
func (w *writer) tokens(t *plan.Text) {
	w.printf("\n#define UNKNOWN %d\n", t.Unknown)
	w.words("vocabulary", t.Words)
	table(w, "token_ids", t.IDs)
	w.part("tokens")
	w.memory(4 * w.plan.Length)
	if family := w.plan.Family(); family == "ngram" || family == "fasttext" {
		w.part("token with span")
		w.memory(8 * w.plan.Length)
	} else {
		w.part("token")
	}
	switch t.Kind {
	case plan.WordLevel:
		w.part("word level")
	case plan.WordPiece:
		lo, hi := t.Words.Prefixed(t.Prefix)
		w.printf("\n#define LONGEST_WORD %d\nstatic const prefix within = {%d, %d, %d}; /* tokens within a word */\n", t.Longest, lo, hi, len(t.Prefix))
		w.part("word piece")
	case plan.Unigram:
		w.printf("\n#define PIECE %d\n#define UNKNOWN_SCORE %s\n#define TOKEN_SCORE(k) ((double)token_scores[k] / 1e6)\n", piece, fmt.Sprintf("(%.17g)", t.Penalty))
		table(w, "token_scores", t.Scores)
		w.part("unigram")
		w.memory(16 * (piece + 1))
	}
	switch t.Cut {
	case plan.Characters:
		w.part("split into characters")
	case plan.Punctuation:
		w.ranges("punctuation", plan.PunctuationRanges())
		w.part("split into words")
	case plan.Marks:
		w.ranges("punctuation", plan.PunctuationRanges())
		w.part("split at marks")
	}
	w.part("tokenize")
}

// piece is how many bytes of a piece the search for its tokens spans: longer runs without punctuation are cut there.
const piece = 512

// network writes the weights, and run_network, which makes logits of tokens.
func (w *writer) network() {
	if w.plan.Family() == "ngram" {
		w.ngram()
		return
	}
	p := w.plan
	w.printf("\n")
	w.part("matrix")
	w.printf("\n")
	table := p.Matrix("embeddings.weight")
	w.define("EMBEDDING", table.Columns, "VOCABULARY", table.Rows)
	w.matrix("embeddings", table)
	if c := &p.Model.Config; c.Head != model.EmbeddingHead {
		w.matrix("classifier", p.Matrix("classifier.weight"))
		w.vector("classifier_bias", "classifier.bias")
		w.cost.MACs += int64(p.Matrix("classifier.weight").Numbers())
	}
	switch p.Family() {
	case "mlp", "static", "fasttext":
		w.averaged()
	case "cnn":
		w.cnn()
	case "dwcnn":
		w.dwcnn()
	default:
		w.recurrent()
	}
}

// vector writes a bias under a name of C.
func (w *writer) vector(name, param string) { table(w, name, w.plan.Matrix(param).Floats) }

// activation writes the activation that a model names.
func (w *writer) activation(name string) {
	function := name
	if name == "tanh" {
		function = "hyperbolic"
	}
	w.part(name)
	w.printf("\n#define ACTIVATION %s\n", function)
}

// averaged writes the families that begin with the mean of embeddings.
func (w *writer) averaged() {
	p, c := w.plan, &w.plan.Model.Config
	tokens := p.Length
	if p.Family() == "fasttext" {
		runs := max(c.NGram.Tokens, 1)
		tokens *= runs
		w.define("RUN", c.NGram.Tokens, "BUCKETS", c.Buckets, "TOKENS_KNOWN", p.Model.Tokenizer.VocabSize())
		w.seeds()
		w.part("buckets of runs")
		w.printf("\nstatic int32_t read[%d];\n", tokens)
		w.memory(4 * tokens)
	}
	w.part("mean of embeddings")
	w.cost.MACs += int64(tokens * p.Matrix("embeddings.weight").Columns)
	width := p.Matrix("embeddings.weight").Columns
	layers := 0
	if p.Family() == "mlp" {
		layers = c.Layers
		w.part("linear")
		w.activation(c.Activation)
		w.part("activate")
		for i := range layers {
			l := p.Matrix(fmt.Sprintf("layers.%d.weight", i))
			w.matrix(fmt.Sprintf("layer%d", i), l)
			w.vector(fmt.Sprintf("layer%d_bias", i), fmt.Sprintf("layers.%d.bias", i))
			w.cost.MACs += int64(l.Numbers())
		}
	}
	if c.Normalize && p.Family() == "static" {
		w.part("unit")
	}
	w.memory(4 * width)
	w.printf("\nstatic float pooled[%d];\n", width)
	if layers > 0 {
		w.memory(8 * c.Hidden)
		w.printf("static float hidden[2][%d];\n", c.Hidden)
	}
	w.begin()
	w.printf("    mean_of_embeddings(pooled, tokens, n);\n")
	state := "pooled"
	for i := range layers {
		next := fmt.Sprintf("hidden[%d]", i%2)
		w.printf("    linear(%s, %s, &layer%d, layer%d_bias);\n    activate(%s, layer%d.rows);\n", next, state, i, i, next, i)
		state = next
	}
	if c.Normalize && p.Family() == "static" {
		w.printf("    unit(pooled, EMBEDDING);\n")
	}
	w.end(state)
}

// begin begins the function that makes logits of tokens; end ends it, with the state that the head reads.
func (w *writer) begin() {
	if w.plan.Model.Config.Head != model.EmbeddingHead {
		w.part("linear")
	}
	w.printf("\n/* Makes of n tokens what the head says of them. */\nstatic void run_network(float *scores, const int32_t *tokens, int n) {\n")
}

func (w *writer) end(state string) {
	if w.plan.Model.Config.Head == model.EmbeddingHead {
		w.printf("    {\n        int at;\n        for (at = 0; at < OUTPUTS; at++) {\n            scores[at] = %s[at];\n        }\n    }\n}\n", state)
		return
	}
	w.printf("    linear(scores, %s, &classifier, classifier_bias);\n}\n", state)
}

func (w *writer) cnn() {
	p, c := w.plan, &w.plan.Model.Config
	w.part("embedded dot")
	w.activation(c.Activation)
	w.part("convolutions")
	w.printf("\n")
	var all []string
	for i, width := range c.Widths {
		name := fmt.Sprintf("filters%d", i)
		m := p.Matrix(fmt.Sprintf("convs.%d.weight", i))
		value := w.matrixValue(name, m)
		w.vector(name+"_bias", fmt.Sprintf("convs.%d.bias", i))
		all = append(all, fmt.Sprintf("    {%s, %s_bias, %d},\n", value, name, width))
		w.cost.MACs += int64(m.Numbers()) * int64(max(p.Length-width+1, 1))
	}
	w.printf("static const convolution convolutions[%d] = {\n%s};\n", len(all), strings.Join(all, ""))
	w.memory(4 * c.Filters * len(all))
	w.printf("\nstatic float pooled[%d];\n", c.Filters*len(all))
	w.begin()
	for i := range c.Widths {
		w.printf("    convolve(pooled + %d, &convolutions[%d], tokens, n);\n", i*c.Filters, i)
	}
	w.end("pooled")
}

// pooling writes how states of tokens become one.
func (w *writer) pooling(how string) {
	keep := map[string]string{
		"max":   "if (i == 0 || row[c] > y[c]) {\n            y[c] = row[c];\n        }",
		"first": "if (i == 0) {\n            y[c] = row[c];\n        }",
		"last":  "if (i == n - 1) {\n            y[c] = row[c];\n        }",
	}[how]
	if keep == "" {
		keep = "y[c] = i == 0 ? row[c] : y[c] + row[c];"
	}
	w.partWith("pool", strings.NewReplacer("POOL;", keep))
	switch how {
	case "mean":
		w.partWith("pool ends", strings.NewReplacer("SHARE", "1.0f / (float)n"))
	case "root_mean":
		w.partWith("pool ends", strings.NewReplacer("SHARE", "1.0f / sqrtf((float)n)"))
	}
}

// poolEnd ends what pooling began.
func (w *writer) poolEnd(how string) {
	if how == "mean" || how == "root_mean" {
		w.printf("    pool_ends(pooled, %d, n);\n", w.pooledWidth())
	}
}

func (w *writer) pooledWidth() int {
	c := &w.plan.Model.Config
	if w.plan.Family() != "dwcnn" && c.Bidirectional {
		return 2 * c.Hidden
	}
	return c.Hidden
}

func (w *writer) clearPooled() {
	w.printf("    for (i = 0; i < %d; i++) {\n        pooled[i] = 0;\n    }\n", w.pooledWidth())
}

func (w *writer) dwcnn() {
	p, c := w.plan, &w.plan.Model.Config
	w.part("embedded row")
	w.activation(c.Activation)
	w.define("HIDDEN", c.Hidden, "LAYERS", c.Layers)
	project := p.Matrix("project.weight")
	w.matrix("project", project)
	w.pooling(c.Pooling)
	w.part("separable")
	w.printf("\n")
	each := project.Numbers()
	var all []string
	for i := range c.Layers {
		width := c.Widths[i%len(c.Widths)]
		name := fmt.Sprintf("layer%d", i)
		param := func(part string) string { return fmt.Sprintf("layers.%d.%s", i, part) }
		depth, point := p.Matrix(param("depth.weight")), p.Matrix(param("point.weight"))
		w.matrixValue(name+"_depth", depth)
		w.vector(name+"_depth_bias", param("depth.bias"))
		value := w.matrixValue(name+"_point", point)
		w.vector(name+"_point_bias", param("point.bias"))
		w.printf("static float %s_window[%d * HIDDEN];\n", name, width)
		w.memory(4 * width * c.Hidden)
		scales := "0"
		if depth.Whole != nil {
			scales = name + "_depth_scales"
		}
		all = append(all, fmt.Sprintf("    {%s_depth_w, %s, %s_depth_bias, %s, %s_point_bias, %d, %s_window},\n", name, scales, name, value, name, width, name))
		each += depth.Numbers() + point.Numbers()
	}
	w.cost.MACs += int64(each) * int64(p.Length)
	w.printf("static const separable layers[LAYERS] = {\n%s};\n", strings.Join(all, ""))
	w.part("separable layers")
	w.memory(4 * c.Hidden * (c.Layers + 3))
	w.printf("\nstatic float pooled[HIDDEN];\n")
	w.begin()
	w.printf("    int i, c;\n")
	w.clearPooled()
	w.printf("    for (i = 0; i < n; i++) {\n        for (c = 0; c < HIDDEN; c++) {\n            rows[0][c] = embedded_row(tokens[i], &project, c);\n        }\n        give(0, i, n, pooled);\n    }\n")
	w.poolEnd(c.Pooling)
	w.end("pooled")
}

func (w *writer) recurrent() {
	p, c := w.plan, &w.plan.Model.Config
	gates := map[string]int{"gru": 3, "lstm": 4, "rnn": 1}[p.Family()]
	w.part("embedded row")
	w.define("HIDDEN", c.Hidden, "GATES", gates)
	w.pooling(c.Pooling)
	w.part("recurrent")
	w.memory(4 * c.Hidden * (2*gates + 1))
	clear := ""
	if p.Family() == "lstm" {
		w.memory(4 * c.Hidden)
		clear = "        cell[i] = 0;\n"
	}
	w.part(p.Family())
	place := "i"
	if c.Pooling == "first" {
		place = "at"
	}
	w.partWith("recurrent run", strings.NewReplacer("STATE_PLACE", place, "        CLEAR_CELL;\n", clear))
	w.printf("\n")
	directions := []string{""}
	if c.Bidirectional {
		directions = []string{"", "_reverse"}
	}
	width := c.Hidden * len(directions)
	var all []string
	for l := range c.Layers {
		for d, direction := range directions {
			name := fmt.Sprintf("layer%d_%d", l, d)
			param := func(part string) string { return fmt.Sprintf("rnn.%s_l%d%s", part, l, direction) }
			in := w.matrixValue(name+"_in", p.Matrix(param("weight_ih")))
			state := w.matrixValue(name+"_state", p.Matrix(param("weight_hh")))
			w.vector(name+"_in_bias", param("bias_ih"))
			w.vector(name+"_state_bias", param("bias_hh"))
			all = append(all, fmt.Sprintf("    {%s, %s, %s_in_bias, %s_state_bias, %d},\n", in, state, name, name, d))
			w.cost.MACs += int64(p.Matrix(param("weight_ih")).Numbers()+p.Matrix(param("weight_hh")).Numbers()) * int64(p.Length)
		}
	}
	w.printf("static const recurrent layers[%d] = {\n%s};\n\nstatic float pooled[%d];\n", len(all), strings.Join(all, ""), width)
	w.memory(4 * width)
	stored := min(c.Layers-1, 2) // layers whose states are kept while the next one reads them
	if stored > 0 {
		w.printf("static float states[%d][MAX_TOKENS * %d];\n", stored, width)
		w.memory(4 * stored * p.Length * width)
	}
	w.begin()
	w.printf("    int i;\n")
	w.clearPooled()
	for l := range c.Layers {
		x, y := "0", "0"
		if l > 0 {
			x = fmt.Sprintf("states[%d]", (l-1)%2)
		}
		if l < c.Layers-1 {
			y = fmt.Sprintf("states[%d]", l%2)
		}
		for d := range directions {
			w.printf("    run_direction(&layers[%d], tokens, %s, n, %s, pooled, %d, %d);\n", l*len(directions)+d, x, y, width, d*c.Hidden)
		}
	}
	w.poolEnd(c.Pooling)
	w.end("pooled")
}
