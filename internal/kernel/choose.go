package kernel

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// current is the variant in use. It is set before main and by tests alone.
var current level

// chosen is how that came.
var chosen choice

func init() {
	chosen = choose(os.Getenv("XIAOYU_KERNEL"), ours.check)
	current = chosen.level
}

// Name returns the name of the variant in use: go, avx2, avx512, vnni, amx or neon.
func Name() string { return current.String() }

// Tiles tells that the variant in use multiplies bfloat16 in matrix tiles, several times as fast as float32.
func Tiles() bool { return current.String() == "amx" }

// Warnings returns what the user should know about the choice: variants that compute wrongly here, and one asked for that
// there is not. It is empty where all is well.
func Warnings() []string { return chosen.warnings }

// Variant is a set of implementations.
type Variant struct {
	Name      string `json:"name"`
	Available bool   `json:"available"` // this processor can run it, and it computes correctly
	Chosen    bool   `json:"chosen"`    // it is in use
	Why       string `json:"why"`       // it is not available, or is in use or not
}

// Variants tests all variants that this program was built with and says which can be used, and why one is.
func Variants() []Variant {
	list := make([]Variant, len(levelNames))
	for i := range list {
		l := level(i)
		list[i] = Variant{Name: l.String(), Available: true, Chosen: l == chosen.level, Why: "works"}
		if list[i].Chosen {
			list[i].Why = chosen.why
		} else if why := unusable(l, ours.check); why != "" {
			list[i].Available, list[i].Why = false, why
		}
	}
	return list
}

// choice is a variant and why it was chosen.
type choice struct {
	level    level
	why      string
	warnings []string
}

// choose takes the variant that is wanted, or if there is none or it does not work, the highest that works. Only what
// may be taken is tested: a higher variant runs through what it uses of lower ones.
func choose(wanted string, check func(level) error) (c choice) {
	if wanted != "" {
		l, found := levelOf(wanted)
		why := "there is no such kernel here, but " + strings.Join(levelNames[:], ", ")
		if found {
			why = unusable(l, check)
		}
		if why == "" {
			return choice{level: l, why: "asked for by XIAOYU_KERNEL"}
		}
		c.warnings = append(c.warnings, fmt.Sprintf("XIAOYU_KERNEL=%s: %s; the best that works is used", wanted, why))
	}
	c.why = "the best that works here"
	for c.level = level(len(levelNames) - 1); c.level > levelGo; c.level-- {
		if missing(c.level) != "" {
			continue
		}
		err := check(c.level)
		if err == nil {
			break
		}
		c.warnings = append(c.warnings, fmt.Sprintf("kernel %v is set aside: %v; `xiaoyu version --kernels` shows what is used instead", c.level, err))
	}
	return c
}

func levelOf(name string) (level, bool) {
	for l, n := range levelNames {
		if n == name {
			return level(l), true
		}
	}
	return levelGo, false
}

// unusable tells why a variant cannot be used, or nothing if it can.
func unusable(l level, check func(level) error) string {
	if why := missing(l); why != "" {
		return "there is no " + why
	}
	if err := check(l); err != nil {
		return err.Error()
	}
	return ""
}

// trial is what a variant is tested by: its products and functions, or in tests, faulty ones.
type trial struct {
	product func(p *PackedB, m int, a, c []float32)
	apply   func(l level, f function, dst, x []float32) int
}

var ours = trial{
	product: func(p *PackedB, m int, a, c []float32) { p.product(m, a, p.k, 1, c, p.n, false) },
	apply:   mapFast,
}

// check compares a variant with plain Go on small inputs that reach its remainders, in some 100 microseconds.
func (t trial) check(l level) error {
	if l == levelGo {
		return nil
	}
	const m, n, k = 18, 67, 33
	var a [m * k]float32
	var b [k * n]float32
	for i := range a {
		a[i] = float32(i%11) - 5
	}
	for i := range b {
		b[i] = float32(i%7) - 3
	}
	for _, prec := range []Precision{F32, BF16, INT8} { // which hold whole numbers exactly
		var got, want [m * n]float32
		plain, p := PackedB{level: levelGo, narrow: prec == INT8 && narrows(l)}, PackedB{level: l}
		plain.packAs(prec, k, n, b[:], n, 1)
		ours.product(&plain, m, a[:], want[:])
		p.packAs(prec, k, n, b[:], n, 1)
		t.product(&p, m, a[:], got[:])
		if got != want {
			return fmt.Errorf("its product of many rows in %v is wrong on this processor", prec)
		}
		p.Keep()
		clear(got[:])
		t.product(&p, m, a[:], got[:])
		if got != want {
			return fmt.Errorf("its product in %v with a factor that it kept is wrong on this processor", prec)
		}
		clear(got[:n])
		t.product(&p, 1, a[:], got[:])
		if got != want {
			return fmt.Errorf("its product of one row in %v is wrong on this processor", prec)
		}
	}
	x := b[:23]
	var got, want [23]float32
	for f := range functions {
		plainMap(function(f), want[:], x)
		copy(got[:], want[:]) // what the variant has no kernel for
		t.apply(l, function(f), got[:], x)
		for j := range got {
			if math.Abs(float64(got[j]-want[j])) > 1e-5*(1+math.Abs(float64(want[j]))) {
				return fmt.Errorf("its function %d is wrong on this processor", f)
			}
		}
	}
	return nil
}
