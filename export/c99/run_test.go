package c99_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// target is a compiler and what runs its programs.
type target struct {
	name, compiler string
	flags          []string
	run            []string // before the program
}

var (
	native    = target{name: "this machine", compiler: "gcc"}
	optimised = target{name: "this machine", compiler: "gcc", flags: []string{"-O2"}}
	sanitized = target{name: "this machine", compiler: "gcc", flags: []string{"-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}}
	// The small machines, by an emulator of their processors.
	crossed = []target{
		{name: "armhf", compiler: "arm-linux-gnueabihf-gcc", flags: []string{"-O1", "-static"}, run: []string{"qemu-arm"}},
		{name: "arm64", compiler: "aarch64-linux-gnu-gcc", flags: []string{"-O1", "-static"}, run: []string{"qemu-aarch64"}},
	}
)

// strict are the flags under which every source must compile without a word.
var strict = []string{"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion"}

// driver reads texts, each behind its length in 4 bytes, and prints what the model says of each: the result, and scores
// in hexadecimal, which lose nothing.
const driver = `#include "m.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    unsigned char size[4];
    float scores[M_OUTPUTS];
    while (fread(size, 1, 4, stdin) == 4) {
        size_t n = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
        char *text = malloc(n + 1); /* exactly what is read, so that a sanitizer sees more */
        int i, result;
        if (text == 0 || fread(text, 1, n, stdin) != n) {
            return 1;
        }
        PREDICT
        printf("%d", result);
        for (i = 0; i < M_OUTPUTS; i++) {
            printf(" %a", (double)scores[i]);
        }
        printf("\n");
        free(text);
    }
    return 0;
}
`

const ofText = `char *exact = realloc(text, n > 0 ? n : 1);
        text = exact ? exact : text;
        result = m_predict_bytes(text, n, scores);`

const ofTokens = `result = m_predict_ids((const int32_t *)(void *)text, (int)(n / 4), scores);`

// compile builds a program of a source and returns its path; it skips the test where the compiler is absent.
func (g target) compile(t testing.TB, s *c99.Source) string {
	t.Helper()
	compiler, err := exec.LookPath(g.compiler)
	if err != nil {
		t.Skipf("needs %s, the C compiler for %s", g.compiler, g.name)
	}
	if len(g.run) > 0 {
		if _, err := exec.LookPath(g.run[0]); err != nil {
			t.Skipf("needs %s, which runs programs for %s", g.run[0], g.name)
		}
	}
	dir := t.TempDir()
	predict := ofText
	if s.Missing != "" {
		predict = ofTokens
	}
	for name, data := range map[string][]byte{"m.h": s.Header, "m.c": s.Source, "main.c": []byte(strings.Replace(driver, "PREDICT", predict, 1))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "program")
	args := append(append([]string{}, strict...), g.flags...)
	args = append(args, "-o", program, "m.c", "main.c", "-lm")
	c := exec.Command(compiler, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%.3000s", g.compiler, err, out)
	}
	return program
}

// answer is what a program says of one text.
type answer struct {
	result int
	scores []float32
	line   string
}

// ask runs a program on texts.
func (g target) ask(t testing.TB, program string, texts [][]byte) []answer {
	t.Helper()
	var in bytes.Buffer
	for _, s := range texts {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		in.Write(s)
	}
	command := append(append([]string{}, g.run...), program)
	c := exec.Command(command[0], command[1:]...)
	c.Stdin = &in
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%.3000s", command, err, errs.Bytes())
	}
	var answers []answer
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		a := answer{line: line}
		fmt.Sscan(fields[0], &a.result)
		for _, f := range fields[1:] {
			var v float64
			if _, err := fmt.Sscan(f, &v); err != nil {
				t.Fatal(err)
			}
			a.scores = append(a.scores, float32(v))
		}
		answers = append(answers, a)
	}
	if len(answers) != len(texts) {
		t.Fatalf("%d answers to %d texts", len(answers), len(texts))
	}
	return answers
}

// said is what the model itself says, in the same form.
func said(t testing.TB, m *model.Model, texts []string) []answer {
	t.Helper()
	predictions, err := m.Predict(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	var out []answer
	for _, p := range predictions {
		a := answer{scores: p.Probabilities, result: p.Class}
		switch m.Config.Head {
		case model.MultiLabelHead:
			a.result = len(p.Labels)
		case model.RegressionHead:
			a.scores, a.result = []float32{float32(p.Score)}, 0
		case model.EmbeddingHead:
			a.scores = p.Vector
		}
		out = append(out, a)
	}
	return out
}

func asBytes(texts []string) [][]byte {
	var out [][]byte
	for _, s := range texts {
		out = append(out, []byte(s))
	}
	return out
}
