package samples

import (
	"context"
	"errors"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// benchmarks are made of the reviews that no package has.
var benchmarks = []struct{ lang, name, title, about string }{
	{"zh", "review-sentiment-zh", "中文点评情感 · Sentiment of Chinese reviews", "判断酒店、餐馆、商店的短点评是好评、差评还是中性。 Whether short reviews of hotels, restaurants and shops are positive, negative or neutral."},
	{"en", "review-sentiment-en", "英文点评情感 · Sentiment of English reviews", "判断酒店、餐馆、商店的英文短点评是好评、差评还是中性。 Whether short reviews of hotels, restaurants and shops are positive, negative or neutral."},
}

// AddBenchmarks adds the benchmarks that a catalogue does not have yet, and returns how many those were.
func AddBenchmarks(ctx context.Context, c *catalogue.Catalogue) (added int, err error) {
	for _, b := range benchmarks {
		list, err := reviews(b.lang)
		if err != nil {
			return added, err
		}
		var rows []verify.Row
		for _, r := range list {
			if part(r.Text) == sealed {
				rows = append(rows, verify.Row{Text: r.Text, Label: r.Label})
			}
		}
		err = verify.Add(ctx, c, "", &catalogue.Benchmark{Name: b.name, Title: b.title, Description: b.about, Task: "text-classification", Language: b.lang, Metric: catalogue.Accuracy}, rows)
		switch {
		case err == nil:
			added++
		case !errors.Is(err, catalogue.ErrExists):
			return added, err
		}
	}
	return added, nil
}
