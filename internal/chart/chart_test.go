package chart

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

func TestFiguresAreXMLThatFollowsThePage(t *testing.T) {
	series := []Series{{"训练 <b>", []float64{1, 2, math.NaN(), 3}}, {"b & c", []float64{3, 2, 1, math.Inf(1)}}}
	labels := []string{"一", "<script>", "c", "d"}
	svg, err := Bar(labels, series...)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	text := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok {
			text += string(c)
		}
	}
	for _, want := range []string{"训练 <b>", "b & c", "一", "<script>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	for _, not := range []string{"fill:white", "Roboto", "rgb(7,7,7)", "rgb(224"} {
		if strings.Contains(svg, not) {
			t.Errorf("%s is left", not)
		}
	}
	if !strings.Contains(svg, "currentColor") || !strings.Contains(svg, "--chart-2") {
		t.Error("the figure does not take the page's colours")
	}
}
