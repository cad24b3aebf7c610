package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// measured is what the market has found of a package by a benchmark.
type measured struct {
	Benchmark *catalogue.Benchmark
	Wanted    bool // it is measured soon, or anew
	Record    *verify.Record
	Lines     []verify.Line
	Statement string // digest of the signed record's manifest
}

// Failed tells that the model was stopped, or does not work.
func (m *measured) Failed() bool { return m.Record != nil && m.Record.State == catalogue.Failed }

// Missed tells that the card claims more than was reached.
func (m *measured) Missed() bool {
	for _, l := range m.Lines {
		if l.Missed {
			return true
		}
	}
	return false
}

// measurements lists what was found of a package, beside what its card claims.
func (h *Handler) measurements(ctx context.Context, of *catalogue.Manifest, claims []pack.Figure) (list []measured, err error) {
	found, err := h.depot.Catalogue.Verifications(ctx, of)
	if err != nil {
		return nil, err
	}
	for _, v := range found {
		m := measured{Benchmark: v.Benchmark, Wanted: v.Wanted, Statement: v.Statement.String()}
		if v.State == catalogue.Unfit || v.State == "" && !v.Wanted {
			continue
		}
		if v.State != "" {
			m.Record = &verify.Record{}
			if err := json.Unmarshal(v.Record, m.Record); err != nil {
				return nil, fmt.Errorf("reading what was found of %s: %w", of.Digest, err)
			}
			m.Lines = m.Record.Compare(claims)
		}
		list = append(list, m)
	}
	return list, nil
}

// figureNames are those that records have.
var figureNames = map[string]string{
	catalogue.Accuracy: "Accuracy", catalogue.MacroF1: "F1 (macro)", catalogue.MicroF1: "F1 (micro)", "tokens " + catalogue.MicroF1: "Entity F1", "micro_precision": "Precision", "micro_recall": "Recall",
	catalogue.Spearman: "Spearman's ρ", catalogue.Pearson: "Pearson's r", "mae": "Mean absolute error", "log_loss": "Log loss", "ece": "Calibration error",
	"typos": "typos", "homophones": "homophones", "full_width": "full width", "traditional": "traditional characters",
}

// FigureName is what a figure or a disturbance of a record is called; the kind of benchmark comes before it where that is known.
func (w words) FigureName(of ...string) string {
	key := of[len(of)-1]
	for _, name := range []string{figureNames[strings.Join(of, " ")], figureNames[key]} {
		if name != "" {
			return w.T(name)
		}
	}
	return key
}

// KindTitle is what a kind of benchmark is called.
func (w words) KindTitle(name string) string {
	if k, err := verify.KindOf(name); err == nil {
		return w.T(k.Title)
	}
	return name
}

// decimals writes a figure between 0 and 1, or any other small number.
func decimals(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

// duration writes milliseconds.
func duration(ms float64) string {
	switch {
	case ms < 0.1:
		return strconv.FormatFloat(ms*1000, 'f', 0, 64) + " µs"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
}
