package c99

import (
	"math"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export/plan"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// seeds are the constants of hashes.
func (w *writer) seeds() {
	w.define("PRIME", "UINT64_C(0x9fb21c651e98df25)", "TOKEN_SEED", "UINT64_C(0x9ae16a3b2f90404f)", "CHARACTER_SEED", "UINT64_C(0xc3a5c85c97cb3127)")
}

// ngram writes the table of n-grams, and run_text, which scores a text.
func (w *writer) ngram() {
	p, c, g := w.plan, &w.plan.Model.Config.NGram, w.plan.Grams
	m := p.Matrix("classifier.weight")
	characters := c.CharsMax >= c.CharsMin
	each := c.Tokens
	if characters {
		each += 2 * (c.CharsMax - c.CharsMin + 1) // of words of two characters; those that are no features take no room
	}
	room := min(max(p.Length*each, 1), 1<<14)
	if c.ReadsForm() {
		room += model.MostForm
	}
	buckets := int(math.Round(math.Log2(float64(len(g.Counts)))))
	w.printf("\n")
	w.define("FEATURES", room, "ALL_FEATURES", m.Rows, "BUCKET_BITS", buckets, "PRINT_BYTES", g.Width, "RUN", c.Tokens)
	w.seeds()
	w.memory(4*room + 4)
	table(w, "bucket_counts", g.Counts)
	table(w, "bucket_first", g.First)
	table(w, "prints", g.Prints)
	w.part("features")
	calls := ""
	if c.Tokens > 0 {
		w.part("runs of tokens")
		calls += "    token_grams(t);\n"
	}
	if c.ReadsForm() {
		w.define("FORM_SEED", "UINT64_C(0xb492b66fbe98f273)")
		w.part("form of a text")
		calls += "    form_features(t);\n"
	}
	if characters {
		w.define("CHARACTERS_LEAST", c.CharsMin, "CHARACTERS_MOST", c.CharsMax)
		w.ranges("han", plan.HanRanges())
		w.part("runs of characters")
		calls += "    character_grams(t);\n"
	}
	w.featureValues(c.Weighting)
	w.featureRows(m)
	w.vector("classifier_bias", "classifier.bias")
	w.part("score features")
	w.cost.MACs += int64(room * (m.Columns + 1))
	w.printf("\n/* Makes of a text what the head says of it. */\nstatic void run_text(float *scores, const text *t) {\n    nfeatures = 0;\n%s    score_features(scores);\n}\n", calls)
}

// featureValues writes feature_value: what a feature counts that a text has so often.
func (w *writer) featureValues(weighting string) {
	g := w.plan.Grams
	value := "1.0f"
	if weighting != "binary" {
		logarithms := make([]float32, 256)
		for i := range logarithms {
			logarithms[i] = 1 + float32(math.Log(float64(i+1)))
		}
		table(w, "times", logarithms)
		value = "times[feature >> 24]"
	}
	switch {
	case g.Floats != nil:
		table(w, "feature_values", g.Floats)
		value += " * feature_values[number(feature)]"
	case g.Whole != nil:
		table(w, "feature_values", g.Whole)
		value += " * ((float)feature_values[number(feature)] * " + float(g.Scale) + ")"
	}
	unused := ""
	if !strings.Contains(value, "feature >>") && !strings.Contains(value, "number(") {
		unused = "    (void)feature;\n"
	}
	w.printf("\n/* What a feature counts that a text has so often. */\nstatic float feature_value(uint32_t feature) {\n%s    return %s;\n}\n", unused, value)
}

// featureRows writes add_row, which adds a row of weights times v.
func (w *writer) featureRows(m *plan.Matrix) {
	const head = "\n/* Adds v times the weights of a feature. */\nstatic void add_row(float *x, uint32_t feature, float v) {\n    int c;\n"
	switch {
	case m.Codes != nil:
		table(w, "codes", m.Codes.Data)
		table(w, "centroids", m.Codes.Centroids)
		parts := (m.Columns + m.Codes.Part - 1) / m.Codes.Part
		w.define("COLUMN_SCALE(c)", "1.0f")
		w.printf(head+`    for (c = 0; c < OUTPUTS; c++) {
        int part = c / %d, code = codes[(size_t)feature * %d + (size_t)part];
        x[c] += v * centroids[(part * %d + code) * %d + c %% %d];
    }
}
`, m.Codes.Part, parts, m.Codes.Each, m.Codes.Part, m.Codes.Part)
	case m.Whole != nil:
		table(w, "feature_rows", m.Whole)
		table(w, "column_scales", m.Scales)
		w.define("COLUMN_SCALE(c)", "column_scales[c]")
		w.printf(head + "    for (c = 0; c < OUTPUTS; c++) {\n        x[c] += v * (float)feature_rows[(size_t)feature * OUTPUTS + (size_t)c];\n    }\n}\n")
	default:
		table(w, "feature_rows", m.Floats)
		w.define("COLUMN_SCALE(c)", "1.0f")
		w.printf(head + "    for (c = 0; c < OUTPUTS; c++) {\n        x[c] += v * feature_rows[(size_t)feature * OUTPUTS + (size_t)c];\n    }\n}\n")
	}
}
