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
	for name, draw := range map[string]func([]string, ...Series) (string, error){"line": Line, "bar": Bar} {
		svg, err := draw(labels, series...)
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
				t.Fatalf("%s: %v", name, err)
			}
			if c, ok := token.(xml.CharData); ok {
				text += string(c)
			}
		}
		for _, want := range []string{"训练 <b>", "b & c", "一", "<script>"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in %q", name, want, text)
			}
		}
		for _, not := range []string{"fill:white", "Roboto", "rgb(7,7,7)", "rgb(224"} {
			if strings.Contains(svg, not) {
				t.Errorf("%s: %s is left", name, not)
			}
		}
		if !strings.Contains(svg, "currentColor") || !strings.Contains(svg, "--chart-2") {
			t.Errorf("%s does not take the page's colours", name)
		}
	}
}
