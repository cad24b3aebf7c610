package kernel

import (
	"strings"
	"testing"
)

func TestTheKernelAskedForIsUsedIfItIsThere(t *testing.T) {
	best := choose("", ours.check)
	if len(best.warnings) > 0 || best.why == "" {
		t.Errorf("the best is %v because %q, with warnings %q", best.level, best.why, best.warnings)
	}
	if c := choose("go", ours.check); c.level != levelGo || len(c.warnings) > 0 {
		t.Errorf("XIAOYU_KERNEL=go chose %v, with warnings %q", c.level, c.warnings)
	}
	c := choose("mmx", ours.check)
	if c.level != best.level || len(c.warnings) != 1 || !strings.Contains(c.warnings[0], "mmx") || !strings.Contains(c.warnings[0], levelNames[0]) {
		t.Errorf("an unknown name chose %v, with warnings %q", c.level, c.warnings)
	}
	for _, v := range Variants() {
		if v.Available && v.Why == "" || v.Chosen != (v.Name == chosen.level.String()) {
			t.Errorf("%+v", v)
		}
	}
}

// TestAFaultyVariantIsSetAside injects kernels that are wrong in one number, under one level and those that build on it.
func TestAFaultyVariantIsSetAside(t *testing.T) {
	best := choose("", ours.check).level
	if best == levelGo {
		t.Skip("plain Go alone works here")
	}
	for prec, place := range map[Precision]int{F32: 0, BF16: 66, INT8: 40} {
		faulty := ours
		faulty.product = func(p *PackedB, m int, a, c []float32) {
			ours.product(p, m, a, c)
			if p.level >= best && p.precision == prec {
				c[place]++
			}
		}
		expectSetAside(t, faulty, best, prec.String())
	}
	for f := range functions {
		faulty := ours
		faulty.apply = func(l level, g function, dst, x []float32) int {
			n := ours.apply(l, g, dst, x)
			if l >= best && int(g) == f {
				dst[22] += 0.001
			}
			return n
		}
		expectSetAside(t, faulty, best, "function")
	}
}

func expectSetAside(t *testing.T, faulty trial, l level, what string) {
	t.Helper()
	for _, wanted := range []string{"", l.String()} {
		c := choose(wanted, faulty.check)
		if c.level != l-1 {
			t.Errorf("with a faulty %v, %v is used", l, c.level)
		}
		if text := strings.Join(c.warnings, " "); !strings.Contains(text, l.String()) || !strings.Contains(text, what) {
			t.Errorf("a faulty %v: warnings %q do not name %s", l, c.warnings, what)
		}
	}
}

func BenchmarkSelfTest(b *testing.B) {
	for b.Loop() {
		if err := ours.check(current); err != nil {
			b.Fatal(err)
		}
	}
}
