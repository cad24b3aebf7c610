package generate

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options say how a text goes on. The zero value takes the most probable token each time, until the model ends the text
// or has no room for more.
type Options struct {
	MaxTokens   int      // at most so many new tokens; 0 for as many as the model has room for
	Temperature float64  // divides the logits: below 1 the probable becomes more so; 0 takes the most probable token
	TopK        int      // only so many of the most probable tokens count; 0 for all
	TopP        float64  // only the most probable tokens that together are as probable as this count (Holtzman et al. 2020, "nucleus sampling"); 0 or 1 for all
	Repetition  float64  // divides the logits of tokens that the text has already (Keskar et al. 2019, "CTRL"); 0 or 1 for no penalty
	Stop        []string // strings that end the text, and are not part of it
	Seed        uint64   // of what is drawn
}

// Check reports the first option that says nothing sensible.
func (o *Options) Check() error {
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
	switch {
	case o.MaxTokens < 0:
		return hint.Errorf("pass 0 for no limit", "generating: %d new tokens", o.MaxTokens)
	case !finite(o.Temperature):
		return hint.Errorf("pass 0 for the most probable token, or a number such as 0.8", "generating: a temperature of %v", o.Temperature)
	case o.TopK < 0:
		return hint.Errorf("pass 0 for all", "generating: the best %d tokens", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return hint.Errorf("pass a share from 0 to 1", "generating: the best tokens up to a probability of %v", o.TopP)
	case !finite(o.Repetition):
		return hint.Errorf("pass 1 for none, or a number such as 1.1", "generating: a repetition penalty of %v", o.Repetition)
	}
	for _, s := range o.Stop {
		if s == "" {
			return hint.Errorf("leave it out", "generating: an empty string as the end")
		}
	}
	return nil
}
