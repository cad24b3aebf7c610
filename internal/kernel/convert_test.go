package kernel

import (
	"math"
	"testing"
)

// Every number of 16 bits survives being widened and narrowed, and those between two are rounded as the definition has it.
func TestEveryHalfSurvives(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	eachVariant(t, func(t *testing.T) {
		for name, f := range map[string]struct {
			from     func([]float32, []uint16)
			to       func([]uint16, []float32)
			infinity uint16
		}{"bf16": {FromBF16, ToBF16, 0x7f80}, "f16": {FromF16, ToF16, 0x7c00}} {
			wide, back := make([]float32, len(all)), make([]uint16, len(all))
			f.from(wide, all)
			f.to(back, wide)
			for i, v := range wide {
				nan := uint16(i)&0x7fff > f.infinity
				if (v != v) != nan || (back[i]&0x7fff > f.infinity) != nan || !nan && back[i] != uint16(i) {
					t.Fatalf("%s: %04x is %v, and that %04x", name, i, v, back[i])
				}
			}
			// Halfway between neighbours, and a little beside it.
			const last = 1000
			between, want := []float32{}, []uint16{}
			for i := uint16(0); i+1 < f.infinity; i++ {
				middle := float32((float64(wide[i]) + float64(wide[i+1])) / 2)
				even := i + i&1
				between = append(between, middle, math.Nextafter32(middle, 0), -math.Nextafter32(middle, last*wide[i+1]))
				want = append(want, even, i, (i+1)|0x8000)
			}
			got := make([]uint16, len(between))
			f.to(got, between)
			for i, v := range between {
				if got[i] != want[i] {
					t.Fatalf("%s: %v becomes %04x, want %04x", name, v, got[i], want[i])
				}
			}
		}
	})
}

func TestConversionsOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		for n := range 68 {
			x, words := make([]float32, n+1), make([]uint16, n+1)
			x[n], words[n] = guard, 77
			for i := range n {
				words[i] = uint16(0x3c00 + i)
			}
			FromF16(x[:n], words[:n])
			for i := range n {
				if want := 1 + float32(i)/1024; x[i] != want {
					t.Fatalf("%d numbers: [%d] is %v, want %v", n, i, x[i], want)
				}
			}
			ToBF16(words[:n], x[:n])
			FromBF16(x[:n], words[:n])
			for i := range n {
				if want := RoundBF16(1 + float32(i)/1024); x[i] != want {
					t.Fatalf("%d numbers: [%d] is %v, want %v", n, i, x[i], want)
				}
			}
			ToF16(words[:n], x[:n])
			if x[n] != guard || words[n] != 77 {
				t.Fatalf("%d numbers: wrote behind them", n)
			}
		}
		big, word := []float32{65519.9, 65520, 1e30, float32(math.Inf(-1)), 1e-10}, make([]uint16, 5)
		ToF16(word, big)
		for i, want := range []uint16{0x7bff, 0x7c00, 0x7c00, 0xfc00, 0} {
			if word[i] != want {
				t.Errorf("%v is %04x, want %04x", big[i], word[i], want)
			}
		}
	})
}
