package xiaoyu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// TestTheRecipeFollowsFromTheLabels goes through what decides, without training anything.
func TestTheRecipeFollowsFromTheLabels(t *testing.T) {
	for _, c := range []struct {
		name     string
		each     int // labels a class
		texts    int // without labels
		sentence bool
		set      string
		want     string
		says     string
	}{
		{"few labels", 8, 0, true, "", setfitRecipe, "8 labels a class (the median of 2) are few"},
		{"few labels and texts", 8, 50, true, "", cotrainRecipe, "texts without labels"},
		{"few labels and texts, and no n-grams", 8, 50, true, "model.wide", selftrainRecipe, "texts without labels"},
		{"many labels", 500, 50, true, "", fullRecipe, "500 labels a class"},
		{"no sentence encoder", 8, 50, false, "", fullRecipe, ""},
		{"a key that is for the encoder", 8, 50, true, "train.epochs", fullRecipe, "train.epochs is set"},
		{"frozen", 500, 0, true, "frozen", headRecipe, ""},
	} {
		config, err := Preset("encoder")
		if err != nil {
			t.Fatal(err)
		}
		config.Model.Base = "somewhere"
		tr := &training{Observer: silent{}, config: *config, base: &model.Config{}, set: &data.Set{Labels: []string{"a", "b"}}}
		if c.sentence {
			tr.base.Sentence = &model.Sentence{}
		}
		switch c.set {
		case "":
		case "frozen":
			tr.config.Train.Freeze = "all"
		default:
			tr.config.Chosen(c.set)
		}
		for i := range 2 * c.each {
			side := data.Train
			if i%8 == 0 {
				side = data.Validation
			}
			tr.set.Parts[side] = append(tr.set.Parts[side], data.Row{Text: fmt.Sprint(i), Class: i / c.each})
		}
		tr.set.Unlabelled = make([]data.Row, c.texts)
		recipe, why := tr.soundRecipe()
		if recipe != c.want || !strings.Contains(why, c.says) || c.says == "" && why != "" {
			t.Errorf("%s: %s: %q", c.name, recipe, why)
		}
	}
}
