package distill

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/linalg"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func normals(n int, random *rand.Rand) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(random.NormFloat64())
	}
	return out
}

func TestAProjectionKeepsTheDirectionsThatVaryMost(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const n, width = 400, 5
	rows := normals(n*width, random)
	for i := range n { // column 3 varies most, then 1; all have a mean
		for j, f := range []float32{0.1, 3, 0.1, 9, 0.1} {
			rows[i*width+j] = rows[i*width+j]*f + float32(j)
		}
	}
	p := newProjection(rows, width, 2)
	got := p.apply(rows)
	for k, column := range []int{3, 1} {
		var product, a, b float64
		for i := range n {
			x, y := float64(got[2*i+k]), float64(rows[i*width+column])-p.mean[column]
			product, a, b = product+x*y, a+x*x, b+y*y
		}
		if c := math.Abs(product) / math.Sqrt(a*b); c < 0.99 {
			t.Errorf("component %d has correlation %.3f with column %d", k, c, column)
		}
	}
}

// TestMovedRowsSolveTheRegression compares with the dense solution of the same problem.
func TestMovedRowsSolveTheRegression(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	const tokens, dim = 7, 3
	var bags []bag
	for range 12 {
		b := bag{}
		for id := range int32(tokens - 1) { // the last token occurs nowhere
			if random.IntN(2) == 0 {
				b.ids, b.shares = append(b.ids, id), append(b.shares, random.Float32()+0.1)
			}
		}
		bags = append(bags, b)
	}
	table, targets := normals(tokens*dim, random), normals(len(bags)*dim, random)
	before := slices.Clone(table)
	if err := moveRows(context.Background(), table, targets, bags, dim, func(int) {}); err != nil {
		t.Fatal(err)
	}
	a, b := make([]float64, tokens*tokens), make([]float64, tokens*dim)
	for i, bag := range bags {
		mean := means(before, bags[i:i+1], dim)
		for k, id := range bag.ids {
			for l, other := range bag.ids {
				a[int(id)*tokens+int(other)] += float64(bag.shares[k]) * float64(bag.shares[l])
			}
			for j := range dim {
				b[int(id)*dim+j] += float64(bag.shares[k]) * float64(targets[i*dim+j]-mean[j])
			}
		}
	}
	for i := range tokens {
		a[i*tokens+i] += float64(rowPenalty * meanShare(bags))
	}
	want, err := linalg.Solve(a, tokens, b, dim)
	if err != nil {
		t.Fatal(err)
	}
	for i := range table {
		if got := float64(table[i] - before[i]); math.Abs(got-want[i]) > 1e-3 {
			t.Errorf("number %d moved by %.5f, want %.5f", i, got, want[i])
		}
	}
}

func TestMappedRowsFollowAKnownMatrix(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	const tokens, dim = 9, 3
	table, matrix := normals(tokens*dim, random), normals(dim*dim, random)
	var bags []bag
	for id := range int32(tokens) {
		bags = append(bags, bag{[]int32{id}, []float32{1}})
	}
	want := make([]float32, len(table))
	for i := range tokens {
		for k := range dim {
			for j := range dim {
				want[i*dim+j] += table[i*dim+k] * matrix[k*dim+j]
			}
		}
	}
	if err := mapRows(table, want, bags, dim); err != nil {
		t.Fatal(err)
	}
	for i := range table {
		if math.Abs(float64(table[i]-want[i])) > 0.02*math.Abs(float64(want[i]))+0.02 {
			t.Errorf("number %d is %.4f, want %.4f", i, table[i], want[i])
		}
	}
}

// tiny is a network with vectors.
func tiny(t *testing.T) *model.Model {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values([]string{"good room bad room good good bad"}), text.Config{Kind: "word", MinFrequency: 1, VocabSize: 50}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: "transformer", Head: model.EmbeddingHead, EmbedDim: 8, Hidden: 8, Layers: 1, Heads: 2, MaxTokens: 16, Activation: "gelu", Pooling: "mean"}
	m, err := model.New(c, text.CleanConfig{}, tok, nil, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnInterruptedPassGoesOnWhereItWas(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	sequences := make([][]int32, passedAtOnce+5)
	for i := range sequences {
		sequences[i] = []int32{int32(i % 3), 1}
	}
	want, err := pass(context.Background(), m, sequences, "", func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	_, err = pass(ctx, m, sequences, dir, func(done int) {
		if done > 0 {
			stop()
		}
	})
	if err == nil {
		t.Fatal("an interrupted pass returned")
	}
	path := filepath.Join(dir, nameOf(m, sequences)+".rows")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte{1, 2, 3}) // a row that was torn off
	f.Close()
	var told []int
	got, err := pass(context.Background(), m, sequences, dir, func(done int) { told = append(told, done) })
	if err != nil {
		t.Fatal(err)
	}
	if told[0] != passedAtOnce {
		t.Errorf("began at %d", told[0])
	}
	if !slices.Equal(got, want) {
		t.Error("the rows are others than without an interruption")
	}
	if nameOf(m, sequences) == nameOf(m, sequences[1:]) {
		t.Error("other sequences have the same file")
	}
}
