package verify

import (
	"cmp"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// Record is what was found of a model by a benchmark. It is what the market shows, and what it signs.
type Record struct {
	Benchmark string    `json:"benchmark"`
	Rows      string    `json:"rows"` // digest of the benchmark's rows
	Examples  int       `json:"examples"`
	Kind      string    `json:"kind,omitempty"` // of the benchmark; "" for one label
	Metric    string    `json:"metric"`
	State     string    `json:"state"`             // as package catalogue has it
	Problem   string    `json:"problem,omitempty"` // why it was not measured
	Figures   []Figure  `json:"figures,omitempty"` // the metric first
	Robust    []Robust  `json:"robustness,omitempty"`
	Latency   float64   `json:"latency_ms,omitempty"`          // of a text by itself, the median
	Batch     float64   `json:"latency_batch_32_ms,omitempty"` // of a text among 32, the median
	Size      int64     `json:"size"`                          // bytes of the package
	Memory    int64     `json:"memory,omitempty"`              // the most that the process had, with the program, in bytes
	Machine   Machine   `json:"machine"`
	Xiaoyu    string    `json:"xiaoyu"`          // version
	Lacks     []string  `json:"lacks,omitempty"` // protections that this machine could not give
	At        time.Time `json:"at"`
	Seconds   float64   `json:"seconds"` // that it took
}

// Figure is one that was measured. Low and High bound its 95 % interval; both are 0 where it has none.
type Figure struct {
	Key   string  `json:"key"` // as package eval has it
	Value float64 `json:"value"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
}

// Bounded tells whether it has an interval.
func (f *Figure) Bounded() bool { return f.Low != 0 || f.High != 0 }

// Robust is how a model reads texts that are disturbed. Of entities those rows count in which each is still in one piece.
type Robust struct {
	Kind     string  `json:"kind"` // typos, homophones, full_width, traditional
	Examples int     `json:"examples"`
	Metric   string  `json:"metric,omitempty"`   // "" for accuracy
	Clean    float64 `json:"clean"`              // the metric on the same texts as they were
	Accuracy float64 `json:"accuracy,omitempty"` // after the disturbance
	Reached  float64 `json:"reached,omitempty"`  // the same by another metric
}

// Of is the metric, After what it is after the disturbance.
func (r *Robust) Of() string     { return cmp.Or(r.Metric, catalogue.Accuracy) }
func (r *Robust) After() float64 { return cmp.Or(r.Reached, r.Accuracy) }

// Figure returns one by its key.
func (r *Record) Figure(key string) (Figure, bool) {
	for _, f := range r.Figures {
		if f.Key == key {
			return f, true
		}
	}
	return Figure{}, false
}

// outcome is what the catalogue keeps of the record.
func (r *Record) outcome() catalogue.Verification {
	v := catalogue.Verification{State: r.State, Latency: r.Latency, Size: r.Size}
	if len(r.Figures) > 0 {
		f := r.Figures[0]
		v.Score, v.Low, v.High = f.Value, f.Low, f.High
	}
	return v
}

// Machine is where something was measured, on one thread.
type Machine struct {
	Processor string `json:"processor"`
	System    string `json:"system"` // as in linux/amd64
	Cores     int    `json:"cores"`
}

// thisMachine describes this one.
func thisMachine() Machine {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU()}
	text, _ := os.ReadFile("/proc/cpuinfo") // "" elsewhere
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			m.Processor = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			break
		}
	}
	return m
}

// tolerated is by how much a figure may differ between processors, whose sums are rounded in different orders.
const tolerated = 0.005

// Same tells whether another record of the same rows has the same figures, but for those of the machine.
func (r *Record) Same(other *Record) bool {
	if r.State != other.State || len(r.Figures) != len(other.Figures) || len(r.Robust) != len(other.Robust) || r.Kind != other.Kind {
		return false
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= tolerated }
	for i, f := range r.Figures {
		if o := other.Figures[i]; o.Key != f.Key || !near(o.Value, f.Value) {
			return false
		}
	}
	for i, d := range r.Robust {
		if o := other.Robust[i]; o.Kind != d.Kind || o.Examples != d.Examples || o.Metric != d.Metric || !near(o.After(), d.After()) {
			return false
		}
	}
	return true
}
