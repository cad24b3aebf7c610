package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// normal returns n numbers of a normal distribution, every fifth of them zero.
func normal(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		if i%5 > 0 {
			x[i] = float32(rng.NormFloat64())
		}
	}
	return x
}

func file(m Matrix, name string) func(string) (safetensors.Tensor, bool) {
	return func(want string) (safetensors.Tensor, bool) {
		for _, t := range m.Tensors(name) {
			if t.Name == want {
				return t, true
			}
		}
		return safetensors.Tensor{}, false
	}
}

func relativeError(a, b []float32) float64 {
	d, all := 0.0, 0.0
	for i, v := range a {
		d += float64(v-b[i]) * float64(v-b[i])
		all += float64(v) * float64(v)
	}
	return math.Sqrt(d / max(all, 1e-30))
}

func TestEveryKindSurvivesItsFile(t *testing.T) {
	// The largest relative error of normal numbers, and the bytes of a matrix of [70, 37].
	for kind, want := range map[Kind]struct {
		wrong float64
		bytes int64
	}{
		F16:    {0.0004, 2 * 70 * 37},
		BF16:   {0.003, 2 * 70 * 37},
		Int8:   {0.009, 70*37 + 4*70},
		Int4:   {0.11, 70*19 + 2*2*70},
		PQ:     {0.15, 70*19 + 2*19*70*2},
		Sparse: {0.009, 70*5 + 4*70 + 70*37*4/5},
	} {
		const rows, width = 70, 37
		w := normal(rows*width, 3)
		m, err := Encode(kind, rows, width, w)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		wide := Floats(m, rows, width)
		if got := relativeError(w, wide); got > want.wrong {
			t.Errorf("%s: relative error %.4f, at most %.4f was expected", kind, got, want.wrong)
		}
		if got := Bytes(m); got > want.bytes {
			t.Errorf("%s: %d bytes, at most %d were expected", kind, got, want.bytes)
		}
		again, err := Read(kind, "w", rows, width, file(m, "w"))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if !slices.Equal(wide, Floats(again, rows, width)) || again.Kind() != kind {
			t.Errorf("%s: what was read is not what was written", kind)
		}
		if _, err := Read(kind, "w", rows+1, width, file(m, "w")); err == nil {
			t.Errorf("%s: read for another shape", kind)
		}
		if _, err := Read(kind, "v", rows, width, file(m, "w")); err == nil {
			t.Errorf("%s: read without its tensors", kind)
		}
	}
}

func TestInt8IsQuantisedOnce(t *testing.T) {
	const rows, width = 9, 33
	m := newBytes(rows, width, normal(rows*width, 5))
	again := newBytes(rows, width, Floats(m, rows, width))
	if !slices.Equal(m.data, again.data) {
		t.Error("a widened matrix gives other whole numbers")
	}
}

func TestFactorsAreTheNearestOfTheirRank(t *testing.T) {
	for _, shape := range [][2]int{{30, 12}, {12, 30}} {
		rows, width, rank := shape[0], shape[1], 4
		a, b := normal(rows*rank, 7), normal(rank*width, 8)
		w := make([]float32, rows*width) // of rank 4
		kernel.GemmNN(kernel.F32, rows, width, rank, a, rank, b, width, w, width, false)
		up, down := decompose(rows, width, rank, w)
		got := make([]float32, rows*width)
		kernel.GemmNN(kernel.F32, rows, width, rank, up, rank, down, width, got, width, false)
		if e := relativeError(w, got); e > 1e-5 {
			t.Errorf("%v: a matrix of rank %d comes back with an error of %g", shape, rank, e)
		}
		p, err := Factor(rows, width, rank, w)
		if err != nil {
			t.Fatal(err)
		}
		if e := relativeError(w, Floats(p, rows, width)); e > 0.02 {
			t.Errorf("%v: in whole numbers the error is %g", shape, e)
		}
		again, err := Read(LowRank, "w", rows, width, file(p, "w"))
		if err != nil || !slices.Equal(Floats(again, rows, width), Floats(p, rows, width)) {
			t.Errorf("%v: not read as it was written (%v)", shape, err)
		}
	}
	// By Eckart & Young the squared error is the sum of the squared singular values left out.
	const rows, width, rank = 20, 10, 3
	w := normal(rows*width, 9)
	values, _ := eigen(gram(rows, width, w, true), width)
	left := 0.0
	for _, v := range values[rank:] {
		left += v
	}
	up, down := decompose(rows, width, rank, w)
	got := make([]float32, rows*width)
	kernel.GemmNN(kernel.F32, rows, width, rank, up, rank, down, width, got, width, false)
	sum := 0.0
	for i, v := range w {
		sum += float64(v-got[i]) * float64(v-got[i])
	}
	if math.Abs(sum-left) > 1e-4*left {
		t.Errorf("squared error %g, the singular values left out have %g", sum, left)
	}
}

func TestKMeansFindsGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var points []float32
	for i := range 400 {
		points = append(points, float32(i%4)*10+float32(rng.NormFloat64())*0.1, float32(i%2)*10+float32(rng.NormFloat64())*0.1)
	}
	centres := KMeans(points, 2, 4, 1)
	for i := range 4 {
		want := []float32{float32(i) * 10, float32(i%2) * 10}
		if _, d := nearestOf(centres, want); d > 0.01 {
			t.Errorf("no centre at %v: %v", want, centres)
		}
	}
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, kind := range Kinds() {
		if _, err := Encode(kind, 1, 2, []float32{1, float32(math.NaN())}); err == nil {
			t.Errorf("%s: NaN encoded", kind)
		}
		if _, err := Encode(kind, 2, 2, []float32{1}); err == nil {
			t.Errorf("%s: a matrix of too few numbers", kind)
		}
	}
}

// FuzzRead gives each kind tensors of any bytes: they are refused, or every row can be read.
func FuzzRead(f *testing.F) {
	for i, kind := range Kinds() {
		m, err := Encode(kind, 5, 9, normal(45, uint64(i)))
		if err != nil {
			f.Fatal(err)
		}
		ts := m.Tensors("w")
		f.Add(i, ts[0].Data, ts[len(ts)-1].Data, 5, 9)
	}
	f.Fuzz(func(t *testing.T, kind int, data, more []byte, rows, width int) {
		if kind < 0 || kind >= len(Kinds()) || rows < 1 || width < 1 || rows > 50 || width > 50 {
			return
		}
		k := Kinds()[kind]
		m, err := Encode(k, rows, width, make([]float32, rows*width))
		if err != nil {
			t.Fatal(err)
		}
		altered := m.Tensors("w")
		fill := func(x *safetensors.Tensor, with []byte) {
			x.Data = slices.Clone(x.Data)
			copy(x.Data, with)
		}
		fill(&altered[0], data)
		fill(&altered[len(altered)-1], more)
		read, err := Read(k, "w", rows, width, func(name string) (safetensors.Tensor, bool) {
			for _, x := range altered {
				if x.Name == name {
					return x, true
				}
			}
			return safetensors.Tensor{}, false
		})
		if err == nil {
			Floats(read, rows, width)
		}
	})
}
