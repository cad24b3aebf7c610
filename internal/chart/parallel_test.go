package chart

import (
	"math"
	"strings"
	"testing"
)

func TestAParallelPlotIsWellFormedAndEscapesNames(t *testing.T) {
	dimensions := []Dimension{{Label{"a<b", "甲"}, []Tick{{0, "1 & 2"}, {1, "<x>"}}}, {Label{EN: "b"}, nil}, {Label{EN: "c"}, nil}}
	svg := Parallel(dimensions, []Thread{{[]float64{0, 0.5, 1}, 1}, {[]float64{0.2, math.NaN(), 0.4}, 0.1}, {[]float64{2, -1, 0}, 0}, {nil, 0.5}})
	wellFormed(t, svg)
	for _, want := range []string{"a&lt;b", "甲", "1 &amp; 2", "&lt;x&gt;"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := strings.Count(svg, `stroke-opacity="0.07"`); n != 2 {
		t.Errorf("a thread with a gap is drawn in %d pieces", n)
	}
	wellFormed(t, Parallel(nil, nil))
	wellFormed(t, Parallel(dimensions[:1], []Thread{{[]float64{1}, 1}}))
}

func TestSharesAreBars(t *testing.T) {
	svg := Shares([]Share{{"train.<rate>", 0.5}, {"x", 0}, {"y", 2}, {"z", -1}})
	wellFormed(t, svg)
	if !strings.Contains(svg, "train.&lt;rate&gt;") || !strings.Contains(svg, "50 %") {
		t.Error(svg)
	}
	wellFormed(t, Shares(nil))
}
