package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

// printer writes results as they come.
type printer struct {
	json, markdown bool
	begun          bool
}

func (p *printer) print(results []result) error {
	for _, r := range results {
		if p.json {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
			continue
		}
		if !p.begun {
			p.begun = true
			fmt.Printf("%s, kernel %s\n\n", r.CPU, r.Kernel)
			p.row("work", "threads", "precision", "ours", "peer", "its precision", "peer's", "ratio", "")
			if p.markdown {
				fmt.Println("|---|---|---|---|---|---|---|---|---|")
			}
		}
		p.row(r.Work, fmt.Sprint(r.Threads), r.Precision, amount(r.OursMS, r.OursGFLOPS, r.OursMB), r.Peer, r.PeerPrecision, amount(r.PeerMS, r.PeerGFLOPS, r.PeerMB),
			fmt.Sprintf("%.2f", r.Ratio), r.remark())
	}
	return nil
}

// printFile prints results that were measured before.
func (p *printer) printFile(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(content)) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return fmt.Errorf("%s holds %q: %w", name, strings.TrimSpace(line), err)
		}
		if err := p.print([]result{r}); err != nil {
			return err
		}
	}
	return nil
}

// amount is a time, a speed or a size, whichever the line is about.
func amount(ms, gflops, mb float64) string {
	switch {
	case mb > 0:
		return fmt.Sprintf("%.0f MB", mb)
	case gflops > 0:
		return fmt.Sprintf("%.0f GFLOP/s", gflops)
	case ms >= 10_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.3f ms", ms)
}

// remark tells what is not in the columns.
func (r *result) remark() string {
	var parts []string
	if r.Spread > 0 {
		parts = append(parts, fmt.Sprintf("± %.2f", r.Spread))
	}
	if r.Precision == "best" {
		parts = append(parts, "ours "+r.Ours)
	}
	if r.OursFigure > 0 && r.PeerFigure > 0 {
		parts = append(parts, fmt.Sprintf("figures %.4f and %.4f", r.OursFigure, r.PeerFigure))
	} else if r.OursFigure > 0 {
		parts = append(parts, fmt.Sprintf("figure %.4f", r.OursFigure))
	}
	if r.Note != "" {
		parts = append(parts, r.Note)
	}
	return strings.Join(parts, "; ")
}

func (p *printer) row(cells ...string) {
	if p.markdown {
		fmt.Println("| " + strings.Join(cells, " | ") + " |")
		return
	}
	fmt.Printf("%-32s %-7s %-9s %13s  %-34s %-13s %13s %6s  %s\n", cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7], cells[8])
}

// cpuinfo is what Linux tells of the processor, "" elsewhere.
var cpuinfo = sync.OnceValue(func() string {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	return string(content)
})

// cpuName returns the processor's name where the system tells it.
func cpuName() string {
	for line := range strings.Lines(cpuinfo()) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func hasAMX() bool { return strings.Contains(cpuinfo(), " amx_bf16") }
