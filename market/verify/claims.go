package verify

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Line is a figure as a publisher claims it and as it was measured, side by side.
type Line struct {
	Figure          // as it was measured
	Claimed float64 // as the card says it, in the same unit
	Claim   bool    // the card says it
	Dataset string  // that the card says it of, "" if it does not
	Missed  bool    // what was claimed was not reached within the interval
}

// Compare puts what was measured beside what a card claims.
func (r *Record) Compare(claims []pack.Figure) (list []Line) {
	k, err := KindOf(r.Kind)
	if err != nil {
		k = &Kind{} // of a newer market
	}
	for _, f := range r.Figures {
		l := Line{Figure: f}
		for _, c := range claims {
			if !slices.Contains(k.claims[f.Key], plain(c.Name)) {
				continue
			}
			l.Claim, l.Claimed, l.Dataset = true, c.Value, c.Dataset
			if share := !slices.Contains([]string{"log_loss", "ece", meanError}, f.Key); share && l.Claimed > 1 && l.Claimed <= 100 { // written in per cent
				l.Claimed /= 100
			}
			// Where nothing was right, or all answers are the same, there is no interval.
			l.Missed = slices.Contains(k.Metrics, f.Key) && l.Claimed > max(f.High, f.Value)+1e-9
			break
		}
		list = append(list, l)
	}
	return list
}

// plain is a name with its letters and digits alone.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_()（）@.,:/'’", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
