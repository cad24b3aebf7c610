package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// memoryOf makes works that compare the peak of resident memory: each side runs one work in a fresh process.
func memoryOf(all []work) []work {
	var works []work
	for _, w := range all {
		script := map[bool]string{true: "peer_torch.py", false: "peer_ort.py"}[w.kind() == "train"]
		if kind := w.kind(); w.set == "" && (kind == "train" || kind == "infer" && strings.Contains(w.name, "-32x")) {
			works = append(works, work{name: "memory-" + w.name, measure: func(b *bench, threads int) ([]result, error) { return b.memory(w, script, threads) }})
		}
	}
	return works
}

// iterations before the peak is read: enough that optimisers have their moments and arenas their size.
const iterations = 5

func (b *bench) memory(w work, script string, threads int) ([]result, error) {
	if _, err := peakMB(); err != nil {
		return nil, fmt.Errorf("%w: %w", errSkip, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, self, "--peak", w.name, "--threads", fmt.Sprint(threads), "--data", b.data)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running %s by itself: %w", w.name, err)
	}
	r := result{Precision: "f32", Ours: "f32", PeerPrecision: "f32"}
	if err := json.Unmarshal(out, &r.OursMB); err != nil {
		return nil, fmt.Errorf("%s by itself printed %q: %w", w.name, out, err)
	}
	fresh := *b
	fresh.peers, fresh.alone = map[string]*peer{}, script
	defer fresh.stopPeers()
	contenders, err := w.contenders(&fresh, threads)
	if err != nil {
		return nil, err
	}
	defer closeAll(contenders)
	if _, err := contenders[len(contenders)-1].run(iterations); err != nil {
		return nil, err
	}
	p, err := fresh.peer(script, threads)
	if err != nil {
		return nil, err
	}
	a, err := p.ask(map[string]any{"op": "peak"})
	if err != nil {
		return nil, err
	}
	r.PeerMB, r.Peer = a.MB, p.product
	r.Ratio = r.PeerMB / r.OursMB
	return []result{r}, nil
}

// printPeak runs a work of ours alone and prints the megabytes that it took.
func (b *bench) printPeak(w work, threads int) error {
	b.alone = ours
	contenders, err := w.contenders(b, threads)
	if err != nil {
		return err
	}
	defer closeAll(contenders)
	if _, err := contenders[0].run(iterations); err != nil {
		return err
	}
	mb, err := peakMB()
	if err == nil {
		fmt.Println(mb)
	}
	return err
}

// peakMB is the peak of this process's resident memory, where the system tells it.
func peakMB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("the peak of memory is read from Linux's /proc: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status tells no VmHWM")
}
