package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestOnlyPicksByPrefixAndPattern(t *testing.T) {
	var all []work
	for _, name := range []string{"gemm-512x512x512", "train-a", "train-real-a-x", "infer-a-1x16", "infer-a-32x64", "infer-b-32x64"} {
		all = append(all, work{name: name})
	}
	for only, want := range map[string]string{
		"":                   "gemm-512x512x512 train-a train-real-a-x infer-a-1x16 infer-a-32x64 infer-b-32x64",
		"train-a":            "train-a",
		"train":              "train-a train-real-a-x",
		"infer-*-32x64":      "infer-a-32x64 infer-b-32x64",
		"train-real-?-x":     "train-real-a-x",
		"infer-?-1":          "infer-a-1x16",
		"infer-b,gemm":       "gemm-512x512x512 infer-b-32x64",
		"infer-a,infer-?-1*": "infer-a-1x16 infer-a-32x64",
	} {
		chosen, err := choose(all, only)
		var names []string
		for _, w := range chosen {
			names = append(names, w.name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("--only %q: %q, %v, not %q", only, got, err, want)
		}
	}
	for _, only := range []string{"trian", "train-a,nothing", "[", "train-a,"} {
		if chosen, err := choose(all, only); err == nil {
			t.Errorf("--only %q chose %d works", only, len(chosen))
		}
	}
}

func TestNamesOfWorksAreDifferent(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range allWorks() {
		if seen[w.name] || (w.contenders == nil) == (w.measure == nil) {
			t.Errorf("%s occurs twice, or has not exactly one way to be measured", w.name)
		}
		seen[w.name] = true
	}
}

func TestTheBestModeOfEachProductIsCompared(t *testing.T) {
	of := func(product, mode, precision string, rounds ...float64) *contender {
		return &contender{product: product, mode: mode, precision: precision, rounds: rounds}
	}
	all := []*contender{
		of("", "", "f32", 10, 12, 11), of("", "", "bf16", 4, 5, 6),
		of("T", "eager", "f32", 22, 20, 30), of("T", "compiled", "f32", 25, 23, 24), of("T", "eager", "bf16", 10, 10, 10),
		of("O", "plain", "f32", 33, 33, 33), of("O", "plain", "int8", 4, 4, 4),
	}
	type row struct {
		precision, peer, theirs string
		ours, ms                float64
	}
	want := []row{
		{"f32", "T, eager", "f32", 11, 22}, {"bf16", "T, eager", "bf16", 5, 10}, {"bf16", "T, eager", "f32", 5, 22}, {"best", "T, eager", "bf16", 5, 10},
		{"f32", "O, plain", "f32", 11, 33}, {"bf16", "O, plain", "f32", 5, 33}, {"best", "O, plain", "int8", 5, 4},
	}
	var got []row
	for _, r := range compare("train", all) {
		got = append(got, row{r.Precision, r.Peer, r.PeerPrecision, r.OursMS, r.PeerMS})
		if r.Ratio != r.PeerMS/r.OursMS {
			t.Errorf("%+v: the ratio is not that of its times", r)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if n := len(compare("gemm", all)); n != 3 {
		t.Errorf("%d lines of equal precisions, not 3", n)
	}
}

func TestAPeerThatFailsIsLeftOutAndOursMustNot(t *testing.T) {
	b := &bench{rounds: 3}
	works := func(int) ([]float64, error) { return []float64{3000, 1000, 2000}, nil }
	fails := func(int) ([]float64, error) { return nil, errors.New("no") }
	able, err := b.alternate([]*contender{{run: works}, {product: "P", run: fails}})
	if err != nil || len(able) != 1 || len(able[0].rounds) != 3 || able[0].ms() != 2000 {
		t.Errorf("%v, %v", able, err)
	}
	if _, err := b.alternate([]*contender{{run: fails}}); err == nil {
		t.Error("a failure of ours passed for a measurement")
	}
}

func TestBatchesAreSortedAndSpreadOverAllLengths(t *testing.T) {
	c := &corpus{}
	for i := range 100 {
		c.ids, c.classes, c.texts = append(c.ids, make([]int32, (i*37)%100)), append(c.classes, 0), append(c.texts, "")
	}
	d := c.sorted(3, 10) // 99 texts have tokens: nine batches
	if len(d.ids) != 3 || !d.ragged {
		t.Fatalf("%d batches", len(d.ids))
	}
	for i, first := range []int{11, 41, 71} { // the second, fifth and eighth batch of texts of length 1 to 90
		if got := len(d.ids[i][0]); got != first || len(d.ids[i]) != 10 || len(d.ids[i][9]) != first+9 {
			t.Errorf("batch %d begins with length %d, not %d", i, got, first)
		}
	}
}
