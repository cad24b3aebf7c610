package verify

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
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

// called are the names that cards have for what is measured, in lower case and with letters and digits alone.
var called = map[string][]string{
	catalogue.Accuracy: {"accuracy", "acc", "准确率"},
	catalogue.MacroF1:  {"macrof1", "f1macro", "f1", "宏平均f1"},
	"log_loss":         {"logloss", "loss", "对数损失"},
	"ece":              {"ece", "calibrationerror", "expectedcalibrationerror", "校准误差"},
}

// Compare puts what was measured beside what a card claims.
func (r *Record) Compare(claims []pack.Figure) (list []Line) {
	for _, f := range r.Figures {
		l := Line{Figure: f}
		for _, c := range claims {
			if !slices.Contains(called[f.Key], plain(c.Name)) {
				continue
			}
			l.Claim, l.Claimed, l.Dataset = true, c.Value, c.Dataset
			share := f.Key == catalogue.Accuracy || f.Key == catalogue.MacroF1
			if share && l.Claimed > 1 && l.Claimed <= 100 { // written in per cent
				l.Claimed /= 100
			}
			l.Missed = share && f.High > 0 && l.Claimed > f.High+1e-9
			break
		}
		list = append(list, l)
	}
	return list
}

// plain is a name with its letters and digits alone.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_()（）@.,:/", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
