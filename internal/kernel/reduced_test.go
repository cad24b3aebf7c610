package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// reducedCase multiplies in a reduced precision, in all orientations that it has, and compares with sums in double
// precision of what the product reads. Around C stand guards.
func reducedCase(t *testing.T, rng *rand.Rand, prec Precision, m, n, k, pad int, acc bool) {
	t.Helper()
	off := rng.IntN(3) // starts that are not aligned
	lda, ldb, ldc := k+pad, n+pad, n+pad
	a, b := random(rng, m*lda+off)[off:], random(rng, k*ldb+off)[off:]
	at, bt := transposed(a, m, k, lda, m+pad), transposed(b, k, n, ldb, k+pad)
	ra, rb := rounded(prec, packedRows(a, m, k, lda), m, k, false), rounded(prec, packedRows(b, k, n, ldb), k, n, true)
	start := random(rng, m*ldc+1)
	want, size := make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for j := range n {
			s := 0.0
			if acc {
				s = float64(start[i*ldc+j])
			}
			want[i*n+j], size[i*n+j] = s, 1+math.Abs(s)
		}
		for p, v := range ra[i*k : (i+1)*k] {
			for j, w := range rb[p*n : (p+1)*n] {
				v := float64(v) * float64(w)
				want[i*n+j] += v
				size[i*n+j] += math.Abs(v)
			}
		}
	}
	var packed, packedT PackedB
	packed.Pack(prec, k, n, b, ldb)
	packedT.PackT(prec, k, n, bt, k+pad)
	run := map[string]func(c []float32){
		"packed":  func(c []float32) { GemmPacked(m, a, lda, &packed, c, ldc, Epilogue{Accumulate: acc}) },
		"packedT": func(c []float32) { GemmPacked(m, a, lda, &packedT, c, ldc, Epilogue{Accumulate: acc}) },
	}
	if prec == BF16 {
		run["NN"] = func(c []float32) { GemmNN(prec, m, n, k, a, lda, b, ldb, c, ldc, acc) }
		run["NT"] = func(c []float32) { GemmNT(prec, m, n, k, a, lda, bt, k+pad, c, ldc, acc) }
		run["TN"] = func(c []float32) { GemmTN(prec, m, n, k, at, m+pad, b, ldb, c, ldc, acc) }
	}
	for name, f := range run {
		c := append([]float32(nil), start...)
		for i := range c {
			if i%ldc >= n || i == m*ldc {
				c[i] = guard
			}
		}
		f(c)
		for i, got := range c {
			r, j := i/ldc, i%ldc
			if j >= n || i == m*ldc {
				if got != guard {
					t.Fatalf("%v %s %d×%d×%d: wrote beside C", prec, name, m, n, k)
				}
				continue
			}
			if math.Abs(float64(got)-want[r*n+j]) > 1e-6*size[r*n+j] {
				t.Fatalf("%v %s %d×%d×%d, distance %d, acc %v: C[%d,%d] is %v, want %v", prec, name, m, n, k, pad, acc, r, j, got, want[r*n+j])
			}
		}
	}
}

// transposed returns the transpose of x, [rows, cols], with rows at distance to.
func transposed(x []float32, rows, cols, stride, to int) []float32 {
	y := make([]float32, cols*to)
	for i := range rows {
		for j := range cols {
			y[j*to+i] = x[i*stride+j]
		}
	}
	return y
}

// packedRows returns x, [rows, cols], without what lies between its rows.
func packedRows(x []float32, rows, cols, stride int) []float32 {
	y := make([]float32, 0, rows*cols)
	for i := range rows {
		y = append(y, x[i*stride:][:cols]...)
	}
	return y
}

func TestReducedPrecisionOnEveryRemainder(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		for _, prec := range []Precision{BF16, INT8} {
			// Each dimension runs through 1 to 67 while the others take sizes on both sides of a tile.
			for i := 1; i <= 67; i++ {
				for _, o := range [][2]int{{1, 1}, {17, 33}, {33, 70}} {
					if testing.Short() && (i+o[0])%3 != 0 {
						continue
					}
					acc, pad := i%2 == 0, i%3
					reducedCase(t, rng, prec, i, o[0], o[1], pad, acc)
					reducedCase(t, rng, prec, o[0], i, o[1], pad, acc)
					reducedCase(t, rng, prec, o[0], o[1], i, pad, acc)
				}
			}
			for range 30 {
				reducedCase(t, rng, prec, 1+rng.IntN(67), 1+rng.IntN(67), rng.IntN(68), rng.IntN(3), rng.IntN(2) == 0)
			}
			reducedCase(t, rng, prec, 70, 100, 1100, 0, true) // several blocks of k, and a remainder
			reducedCase(t, rng, prec, 65, 40, 1024, 0, false) // a distance that is a power of two
		}
	})
}

func TestReducedPrecisionPassesOnInfinityAndNaN(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		const m, n, k = 37, 35, 41
		for _, prec := range []Precision{BF16, INT8} {
			for _, v := range []float32{float32(math.Inf(1)), float32(math.NaN()), 3e38, 1e-42, 0} {
				a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
				for i := range b {
					b[i] = 1
				}
				for i := range a {
					a[i] = 1
				}
				clear(a[3*k : 4*k])
				a[3*k+5] = v
				var p PackedB
				p.Pack(prec, k, n, b, n)
				GemmPacked(m, a, k, &p, c, n, Epilogue{})
				for i, got := range c {
					want := float64(k)
					if i/n == 3 {
						want = float64(v)
						if prec == INT8 && v-v != 0 {
							want = math.NaN() // a row that is not finite has no scale
						}
					}
					// Numbers below the smallest normal one may count as zero.
					if g := float64(got); !(math.Abs(g-want) <= 0.004*math.Abs(want)+1.2e-38) && g != want && !(g != g && want != want) {
						t.Fatalf("%v: C[%d,%d] is %v, want %v", prec, i/n, i%n, got, want)
					}
				}
			}
		}
	})
}

// TestInt8IsTheSameInEveryVariant: sums of whole numbers have one value, and scales are applied in one order. Variants that
// add up in 16 bits have other whole numbers, and are compared with plain Go that has them too.
func TestInt8IsTheSameInEveryVariant(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	const m, n, k = 50, 77, 133
	a, b := random(rng, m*k), random(rng, k*n)
	start := random(rng, m*n)
	product := func(p *PackedB) []float32 {
		p.packAs(INT8, k, n, b, n, 1)
		c := append([]float32(nil), start...)
		GemmPacked(m, a, k, p, c, n, Epilogue{Accumulate: true})
		return c
	}
	eachVariant(t, func(t *testing.T) {
		plain := product(&PackedB{level: levelGo, narrow: narrows(current)})
		for i, v := range product(&PackedB{level: current}) {
			if v != plain[i] {
				t.Fatalf("C[%d] is %v, in plain Go %v", i, v, plain[i])
			}
		}
	})
}

// TestNarrowWholeNumbersDoNotOverflow: the worst that can meet in a sum of 16 bits fits, and what does not need to be made
// smaller keeps all its bits.
func TestNarrowWholeNumbersDoNotOverflow(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		const k = 19
		a, b := make([]float32, k), make([]float32, 3*k)
		for i := range k {
			a[i] = 2
			b[3*i], b[3*i+1] = 1, -1 // sums of four of the largest
			if i%4 == 0 {
				b[3*i+2] = 1
			}
		}
		var p PackedB
		p.Pack(INT8, k, 3, b, 3)
		c := make([]float32, 3)
		GemmPacked(1, a, k, &p, c, 3, Epilogue{})
		for j, want := range []float32{2 * k, -2 * k, 2 * 5} {
			if math.Abs(float64(c[j]-want)) > 0.002*math.Abs(float64(want)) {
				t.Errorf("C[%d] is %v, want %v", j, c[j], want)
			}
		}
		if want := float32(1) / wholeSteps; p.scales[2] != want {
			t.Errorf("the scale of a column that fits is %v, want %v", p.scales[2], want)
		}
	})
}

func TestRowsAreRoundedAsNumbersAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	x := random(rng, 67)
	for i := range x {
		if i%3 > 0 {
			x[i] = math.Float32frombits(rng.Uint32())
		}
	}
	x = append(x, 0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, 1e-42,
		math.Float32frombits(0x3f808000), math.Float32frombits(0x3f818000), math.Float32frombits(0x7f800001)) // ties, and a NaN by its last bit
	eachVariant(t, func(t *testing.T) {
		for n := range len(x) + 1 {
			y := make([]float32, n)
			roundRow(current, y, x[len(x)-n:])
			for i, v := range x[len(x)-n:] {
				if want := RoundBF16(v); math.Float32bits(y[i]) != math.Float32bits(want) {
					t.Fatalf("%x rounds to %x, want %x", math.Float32bits(v), math.Float32bits(y[i]), math.Float32bits(want))
				}
			}
		}
	})
}

func TestReducedPrecisionAllocatesNothingWhenWarm(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		const m, n, k = 70, 50, 100
		a, b, c, bias := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n), make([]float32, n)
		var half, ints PackedB
		half.Pack(BF16, k, n, b, n)
		ints.Pack(INT8, k, n, b, n)
		run := func() {
			GemmPacked(m, a, k, &half, c, n, Epilogue{Bias: bias, Activation: ReLU})
			GemmPacked(m, a, k, &ints, c, n, Epilogue{Bias: bias, Activation: ReLU})
			GemmPacked(1, a, k, &ints, c, n, Epilogue{})
			GemmTN(BF16, m, n, k, a, m, b, n, c, n, true)
			GemmNT(BF16, m, n, k, a, k, b, k, c, n, true)
		}
		run()
		if allocs := testing.AllocsPerRun(20, run); allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	})
}

// TestEncodedInstructionsAreWhatTheySay asks a disassembler that is not ours what the bytes in the assembly mean.
func TestEncodedInstructionsAreWhatTheySay(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump here (GNU binutils) to ask")
	}
	source, err := os.ReadFile("amx_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	var want []string
	oneByte := regexp.MustCompile(`BYTE \$0x([0-9a-f]{2})`)
	for line := range strings.Lines(string(source)) {
		written, meaning, found := strings.Cut(strings.TrimSpace(line), " // ")
		if !found || !strings.HasPrefix(written, "BYTE") {
			continue
		}
		for _, b := range oneByte.FindAllStringSubmatch(written, -1) {
			v, _ := strconv.ParseUint(b[1], 16, 8)
			code = append(code, byte(v))
		}
		want = append(want, meaning)
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(out) {
		if address, meaning, found := strings.Cut(string(line), ":\t"); found && strings.HasPrefix(address, " ") {
			got = append(got, strings.Join(strings.Fields(meaning), " "))
		}
	}
	if len(want) < 50 || len(got) != len(want) {
		t.Fatalf("%d instructions are written, %d read", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("instruction %d: the bytes of %q mean %q", i, want[i], got[i])
		}
	}
}

// BenchmarkReduced times products of reduced precision: packed is B packed once, the others take and give float32 alone.
func BenchmarkReduced(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{{512, 512, 512}, {1024, 384, 384}, {1024, 1536, 384}, {1024, 384, 1536}, {32, 1536, 384}, {16, 1536, 384}, {1, 1536, 384}} {
		m, n, k := s[0], s[1], s[2]
		x, w, c := random(rng, m*k), random(rng, n*k), make([]float32, m*n)
		for _, prec := range []Precision{BF16, INT8} {
			var p PackedB
			p.Pack(prec, k, n, w, n)
			for name, run := range map[string]func(){
				"packed": func() { GemmPacked(m, x, k, &p, c, n, Epilogue{}) },
				"NN":     func() { GemmNN(prec, m, n, k, x, k, w, n, c, n, false) },
				"NT":     func() { GemmNT(prec, m, n, k, x, k, w, k, c, n, false) },
				"TN":     func() { GemmTN(prec, m, n, k, x, m, w, n, c, n, false) },
			} {
				if prec == INT8 && name != "packed" {
					continue
				}
				b.Run(fmt.Sprintf("%v/%s/%dx%dx%d", prec, name, m, k, n), func(b *testing.B) {
					for b.Loop() {
						run()
					}
					b.ReportMetric(float64(2*m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
