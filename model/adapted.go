package model

import (
	"fmt"
	"os"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
)

// OpenAdapted opens the checkpoint in the folder base with the adapter in dir merged into its weights. The head is the
// one that the adapter was trained for.
func OpenAdapted(base, dir string) (*Model, error) {
	m, err := openAdapted(base, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the checkpoint %s with the adapter %s: %w", base, dir, err)
	}
	return m, nil
}

func openAdapted(base, dir string) (*Model, error) {
	if !isCheckpoint(base) {
		return nil, hint.Errorf("name the model that the adapter was trained on", "the base is no checkpoint in the Hugging Face layout")
	}
	a, err := adapter.Open(dir)
	if err != nil {
		return nil, err
	}
	config, err := readSmall(os.DirFS(base), ConfigFile)
	if err != nil {
		return nil, err
	}
	e, err := encoder.ReadConfig(config)
	if err != nil {
		return nil, err
	}
	if err := setAdaptedHead(e, a); err != nil {
		return nil, err
	}
	set, err := checkpoint.Open(base)
	if err != nil {
		return nil, err
	}
	weights, err := a.Over(set)
	var m *Model
	if err == nil {
		m, err = found{dir: base, config: config, encoder: e, weights: weights, file: set}.model()
	}
	if err != nil {
		set.Close()
		return nil, err
	}
	return m, nil
}

// setAdaptedHead gives the network the head that an adapter has trained and saved as a whole; its rows are the labels.
func setAdaptedHead(e *encoder.Config, a *adapter.Adapter) error {
	head := map[string]encoder.Head{"SEQ_CLS": encoder.Sequence, "TOKEN_CLS": encoder.Tokens}[a.Config.Task]
	if head == encoder.Bare || e.Head == head && len(a.Config.Saved) == 0 {
		return nil
	}
	for _, t := range a.Tensors {
		for _, end := range []string{".classifier.weight", ".classifier.out_proj.weight", ".score.weight"} {
			if strings.HasSuffix(t.Name, end) && len(t.Shape) == 2 {
				labels := make([]string, t.Shape[0])
				for i := range labels {
					labels[i] = fmt.Sprintf("LABEL_%d", i)
				}
				if e.Head == head && len(e.Labels) == len(labels) {
					return nil // with names of their own
				}
				return e.SetHead(head, labels)
			}
		}
	}
	return nil
}
