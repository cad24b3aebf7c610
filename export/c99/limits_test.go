package c99_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func TestWhatCannotBeHeldIsRefusedByName(t *testing.T) {
	for _, c := range []struct {
		family, head string
		change       func(c *model.Config)
		says, way    string
	}{
		{"transformer", model.ClassHead, nil, "the format c has no operation LayerNorm", "choose --to onnx"},
		{"cnn", model.TokensHead, nil, "with the head tokens, which judges each token", "onnx"},
		{"mlp", model.ClassHead, func(c *model.Config) { c.Pair = true }, "of pairs of texts", "onnx"},
		{"ngram", model.ClassHead, func(c *model.Config) { c.Pair = true }, "of pairs of texts", "onnx"},
		{"gru", model.ClassHead, func(c *model.Config) { c.Wide = true }, "with n-grams beside the network", "onnx"},
	} {
		_, err := c99.Write(exporttest.Model(t, c.family, c.head, c.change), c99.Options{Name: "m"})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Way(err), c.way) {
			t.Errorf("%s, head %q: %v; %s", c.family, c.head, err, hint.Way(err))
		}
	}
	m := exporttest.Model(t, "cnn", model.ClassHead, nil)
	for _, length := range []int{-1, m.Config.MaxTokens + 1} {
		if _, err := c99.Write(m, c99.Options{Name: "m", Length: length}); err == nil {
			t.Errorf("%d tokens were accepted", length)
		}
	}
}

func TestTextsThatAreReadInOtherWaysComeAsTokens(t *testing.T) {
	for says, m := range map[string]*model.Model{
		"the pre-tokenizers of the tokenizer (ByteLevel)": reader(t, "bpe", "mlp", everyStep, true),
		"the cleaning step emails (data.clean.emails)":    reader(t, "char", "gru", text.CleanConfig{Emails: "mark"}, true),
	} {
		s, err := c99.Write(m, c99.Options{Name: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if s.Missing != says || !strings.Contains(string(s.Header), s.Missing) {
			t.Errorf("texts are missing since %q", s.Missing)
		}
		if strings.Contains(string(s.Header), "m_predict(") {
			t.Error("a function that reads texts is declared")
		}
		var given [][]byte
		for _, q := range texts {
			var in model.Input
			var e model.Sample
			m.Encode(&in, &e, q, "")
			var data []byte
			for _, id := range in.Tokens.IDs {
				data = binary.LittleEndian.AppendUint32(data, uint32(id))
			}
			given = append(given, data)
		}
		if d := worst(t, said(t, m, texts), native.ask(t, native.compile(t, s), given)); d > 2e-5 {
			t.Errorf("%s: scores differ by %g", says, d)
		}
	}
	for _, family := range []string{"ngram", "fasttext"} {
		_, err := c99.Write(reader(t, "bpe", family, everyStep, true), c99.Options{Name: "m"})
		if err == nil || !strings.Contains(err.Error(), "n-grams are made of the text itself") {
			t.Errorf("%s: %v", family, err)
		}
	}
}

func TestCompressedNGramsStayWhatTheyAre(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many programs of C")
	}
	big := reader(t, "word", "ngram", everyStep, true)
	var some []int32
	for i := range 700 {
		some = append(some, int32(i))
	}
	for _, bits := range []int{8, 16} {
		m, err := big.KeepGrams(some, bits)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Store(nn.F32, func(p *nn.Param) quant.Kind {
			if p.Name == "classifier.weight" {
				return quant.PQ
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, whole := range []bool{false, true} {
			s, err := c99.Write(m, c99.Options{Name: "m", Int8: whole})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(s.Source), "centroids") {
				t.Error("weights are no codes any more")
			}
			list, limit := nasty(300), 1e-5
			if whole { // what features count is rounded
				limit = 1e-3
			}
			want, got := said(t, m, list), native.ask(t, native.compile(t, s), asBytes(list))
			for i := range list {
				if len(list[i]) <= s.Cost.Bytes && worst(t, want[i:i+1], got[i:i+1]) > limit {
					t.Fatalf("%d bits, whole numbers %v: %q: %v, the model says %v", bits, whole, list[i], got[i].scores, want[i].scores)
				}
			}
		}
	}
}

// calls are wrong and right uses of the functions; the program ends with the number of the first that goes wrong.
const calls = `#include "m.h"
#include <string.h>
#define CHECK(n, x) if (!(x)) { return n; }
int main(void) {
    float scores[M_OUTPUTS], other[M_OUTPUTS];
    int32_t tokens[M_MAX_TOKENS], many[2 * M_MAX_TOKENS];
    int i, n, result;
    CHECK(1, m_predict(0, scores) == -1)
    CHECK(2, m_predict("a", 0) == -1)
    CHECK(3, m_predict_bytes(0, 1, scores) == -1)
    CHECK(4, m_predict_bytes(0, 0, scores) >= 0)
    CHECK(5, m_tokens("a", 1, 0) == -1)
    CHECK(6, m_predict_ids(tokens, -1, scores) == -1)
    CHECK(7, m_predict_ids(0, 1, scores) == -1)
    CHECK(8, m_predict_ids(0, 0, scores) >= 0)
    tokens[0] = -1;
    CHECK(9, m_predict_ids(tokens, 1, scores) == -1)
    tokens[0] = 1000000;
    CHECK(10, m_predict_ids(tokens, 1, scores) == -1)
    result = m_predict("\346\210\277\351\227\264\345\276\210\345\271\262\345\207\200", scores);
    n = m_tokens("\346\210\277\351\227\264\345\276\210\345\271\262\345\207\200", 15, tokens);
    CHECK(11, n == 5 && m_predict_ids(tokens, n, other) == result && memcmp(scores, other, sizeof scores) == 0)
    for (i = 0; i < 2 * M_MAX_TOKENS; i++) {
        many[i] = tokens[i % n];
    }
    result = m_predict_ids(many, M_MAX_TOKENS, scores);
    CHECK(12, m_predict_ids(many, 2 * M_MAX_TOKENS, other) == result && memcmp(scores, other, sizeof scores) == 0)
    CHECK(13, strcmp(m_labels[0], "\345\245\275 \350\257\204") == 0)
    CHECK(14, strcmp(m_labels[1], "\"a\\b\"\?\?/\n7") == 0)
    return 0;
}
`

func TestWrongArgumentsAreRefusedAndLabelsAreWhatTheyWere(t *testing.T) {
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc")
	}
	m := exporttest.Model(t, "gru", model.ClassHead, nil)
	m.Labels[1] = "\"a\\b\"??/\n7"
	s, err := c99.Write(m, c99.Options{Name: "m", About: "a comment that */ ends"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"m.h": s.Header, "m.c": s.Source, "main.c": []byte(calls)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(compiler, append(append([]string{}, strict...), "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", "program", "m.c", "main.c", "-lm")...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	if out, err := exec.Command(filepath.Join(dir, "program")).CombinedOutput(); err != nil {
		t.Errorf("the check of this number failed: %v\n%.2000s", err, out)
	}
}
