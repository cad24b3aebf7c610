package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// progressState is what a checkpoint holds beside the two tables.
type progressState struct {
	Done    int64         `json:"done"`
	Workers []workerState `json:"workers"`
}

type workerState struct {
	At     int64  `json:"at"` // number of the file that comes next
	Epochs int    `json:"epochs"`
	Random uint64 `json:"random"`
}

// identity digests what must be the same for a training to continue.
func (t *trainer) identity() string {
	h := sha256.New()
	// Encoding plain structs into a hash cannot fail.
	_ = json.NewEncoder(h).Encode(t.config)
	fmt.Fprintln(h, t.size, t.total)
	for i, w := range t.words {
		fmt.Fprintln(h, w, t.count[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// save writes a checkpoint where there is a path for it; reason is why the training ends, nil if it goes on.
func (t *trainer) save(path string, reason error) error {
	if path == "" {
		return reason
	}
	state := progressState{Done: t.done}
	for _, w := range t.workers {
		state.Workers = append(state.Workers, workerState{w.reader.at, w.epochs, w.random.state})
	}
	content, err := json.Marshal(state)
	if err == nil {
		shape := []int{len(t.words), t.stride}
		err = safetensors.WriteFile(path, []safetensors.Tensor{safetensors.FromFloat32("in", shape, t.in), safetensors.FromFloat32("out", shape, t.out)},
			map[string]string{"state": string(content), "training": t.identity()})
	}
	if err != nil {
		return errors.Join(reason, hint.Wrap(err, "free some space", "saving a checkpoint of the word vectors"))
	}
	if reason != nil {
		return hint.Wrap(reason, "the same command with --resume goes on", "training word vectors")
	}
	return nil
}

// restore goes on from a checkpoint; fs.ErrNotExist if there is none.
func (t *trainer) restore(path string) error {
	const way = "train without --resume"
	f, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	if err != nil {
		return hint.Wrap(err, way, "reading the checkpoint %s", path)
	}
	defer f.Close()
	if f.Metadata()["training"] != t.identity() {
		return hint.Errorf("give the texts and settings that it was made with, or "+way, "reading the checkpoint %s: it is of another training", path)
	}
	var state progressState
	if err := json.Unmarshal([]byte(f.Metadata()["state"]), &state); err != nil || len(state.Workers) != len(t.workers) {
		return hint.Errorf(way, "reading the checkpoint %s: its state is malformed", path)
	}
	for name, table := range map[string][]float32{"in": t.in, "out": t.out} {
		tensor, ok := f.Tensor(name)
		values, err := []float32(nil), error(nil)
		if ok {
			values, err = tensor.Float32()
		}
		if err != nil || len(values) != len(table) {
			return hint.Errorf(way, "reading the checkpoint %s: the table %q is missing or of another size", path, name)
		}
		copy(table, values)
	}
	t.done = state.Done
	for i, w := range t.workers {
		s := state.Workers[i]
		if s.At < w.from || s.At > w.to || s.Epochs < 0 {
			return hint.Errorf(way, "reading the checkpoint %s: its state is malformed", path)
		}
		w.epochs, w.random.state, w.reader = s.Epochs, s.Random, t.corpus.reader(s.At, w.to)
	}
	return nil
}
