package xiaoyu

import (
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// mostlyChinese is the share of Chinese characters from which on texts count as Chinese.
const mostlyChinese = 0.3

// suitScript replaces what the configuration leaves to the script that texts are written in. Families that see
// characters beside tokens take words in any script.
func (c *Config) suitScript(rows []data.Row) {
	chinese := chineseShare(rows) > mostlyChinese
	if c.Tokenizer.Kind == "auto" {
		switch {
		case chinese && c.Model.Family != "ngram":
			c.Tokenizer.Kind = "char"
		case c.Task == data.Tags && c.endsAtWords(rows):
			c.Tokenizer.Kind = "whole"
		default:
			c.Tokenizer.Kind = "word"
		}
	}
	c.Model.Features.Resolve(c.Model.Family, c.Model.Head, c.Tokenizer.Kind)
	c.Model.NGram.Resolve(c.Tokenizer.Kind, chinese)
}

// chineseShare is the share of Chinese characters among those of the first texts.
func chineseShare(rows []data.Row) float64 {
	chinese, all := 0, 0
	for _, r := range rows[:min(len(rows), 1000)] {
		c, n := text.CountChinese(r.Text)
		chinese, all = chinese+c, all+n
	}
	return float64(chinese) / float64(max(all, 1))
}
