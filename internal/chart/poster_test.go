package chart

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
)

func TestPostersHaveTheirSizeWhateverStandsOnThem(t *testing.T) {
	var plain []byte
	for _, p := range []Poster{
		{},
		{Over: "ada / Model", Name: "hotel-reviews", Under: "Sentiment of hotel reviews", Facts: []string{"Text classification", "1.2 MB"}, Bars: []PosterBar{{"Accuracy", "0.93", 0.93}}, Brand: "Xiaoyu"},
		{Name: strings.Repeat("very-long-name-", 20), Under: strings.Repeat("words ", 200), Facts: []string{strings.Repeat("x", 500)}, Bars: make([]PosterBar, 9)},
		{Under: "中文标题", Facts: []string{"中文"}},
	} {
		var out bytes.Buffer
		if err := p.WritePNG(&out); err != nil {
			t.Fatal(err)
		}
		if plain == nil {
			plain = out.Bytes()
		}
		if strings.ContainsRune(p.Under, '中') && !bytes.Equal(out.Bytes(), plain) {
			t.Error("letters that the font does not have are drawn")
		}
		picture, err := png.Decode(&out)
		if err != nil || picture.Bounds() != image.Rect(0, 0, 1200, 630) {
			t.Errorf("%.20s: %v, %v", p.Name, picture.Bounds(), err)
		}
	}
}
