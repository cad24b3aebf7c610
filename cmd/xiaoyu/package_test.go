package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

func TestInfoTellsWhatTheMarketHasMeasured(t *testing.T) {
	record, err := json.Marshal(verify.Record{Metric: "macro_f1", Figures: []verify.Figure{{Key: "macro_f1", Value: 0.75, Low: 0.7, High: 0.8}}, Latency: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	list := []client.Verification{{Benchmark: "waits", Wanted: true}, {Benchmark: "reviews", State: catalogue.Measured, Record: record}, {Benchmark: "other", State: catalogue.Unfit}}
	if err := printMeasured(&terminal{out: &out}, list); err != nil {
		t.Fatal(err)
	}
	if want := "\nmeasured by the market\n  reviews                  macro_f1 0.750 (0.700 – 0.800), 250µs a text\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	if err := printMeasured(&terminal{out: &out}, list[:1]); err != nil || out.Len() > 0 {
		t.Errorf("of what was not measured: %q, %v", out.String(), err)
	}
}
