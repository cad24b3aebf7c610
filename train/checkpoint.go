package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// ErrOtherTraining is the cause of an error when a checkpoint does not belong to the training that would continue.
var ErrOtherTraining = errors.New("it belongs to another training")

// Save writes a checkpoint: all that Restore needs to continue to the same result. The file is replaced as a whole.
func (tr *Trainer) Save(path string) error {
	st, err := json.Marshal(tr.state)
	if err != nil {
		return err
	}
	arrays := tr.arrays()
	var tensors []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		tensors = append(tensors, safetensors.FromFloat32(name, []int{len(arrays[name])}, arrays[name]))
	}
	err = safetensors.WriteFile(path, tensors, map[string]string{"state": string(st), "training": tr.identity()})
	if err != nil {
		return hint.Wrap(err, "free some space", "saving a checkpoint at step %d", tr.state.Step)
	}
	return nil
}

// Restore continues from the checkpoint at path. Model, data and configuration must be those of the training that
// saved it, the number of threads included.
func (tr *Trainer) Restore(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return hint.Wrap(err, "start the training anew", "reading the checkpoint %s", path)
	}
	defer f.Close()
	if f.Metadata()["training"] != tr.identity() {
		return hint.Wrap(ErrOtherTraining, "restore configuration, data and train.threads as they were, or start anew", "reading the checkpoint %s", path)
	}
	var s state
	if err := json.Unmarshal([]byte(f.Metadata()["state"]), &s); err != nil {
		return hint.Wrap(err, "start the training anew", "reading the checkpoint %s", path)
	}
	if s.BestAt > 0 {
		tr.best = make([]float32, tr.model.Params.Count())
	}
	arrays := tr.arrays()
	saved := map[string][]float32{}
	for name, array := range arrays {
		t, ok := f.Tensor(name)
		if !ok {
			return hint.Errorf("start the training anew", "reading the checkpoint %s: %q is missing", path, name)
		}
		data, err := t.Float32()
		if err == nil && len(data) != len(array) {
			err = fmt.Errorf("%d numbers, expected %d", len(data), len(array))
		}
		if err != nil {
			return hint.Wrap(err, "start the training anew", "reading the checkpoint %s: %q", path, name)
		}
		saved[name] = data
	}
	for name, array := range arrays {
		copy(array, saved[name])
	}
	tr.state = s
	return nil
}

// arrays are the numbers that change while training.
func (tr *Trainer) arrays() map[string][]float32 {
	arrays := map[string][]float32{}
	if tr.dual != nil {
		arrays["dual.beta"] = tr.dual.beta
	} else {
		maps.Copy(arrays, tr.optimizer.State())
	}
	arrays["weights"] = tr.model.Params.Values()
	if tr.best != nil {
		arrays["best"] = tr.best
	}
	if tr.average != nil {
		arrays["average"] = tr.average
	}
	return arrays
}

// identity digests what must be the same for a training to continue to the same result.
func (tr *Trainer) identity() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	c := tr.config
	c.Checkpoint, c.Threads, c.Recompute = 0, tr.pool.Workers(), false // none of the other values of these changes a weight
	// Encoding plain structs into a hash cannot fail.
	_ = enc.Encode(c)
	_ = enc.Encode(tr.model.Config)
	_ = enc.Encode(tr.model.Labels)
	for _, set := range []*Set{tr.train, tr.valid} {
		y := &set.Targets
		for _, list := range [][]int32{set.Input.Tokens.IDs, set.Input.Tokens.Offsets, set.Input.Features.IDs, set.Input.Characters.IDs, set.Input.Direct.IDs, set.Input.Wide.IDs, y.Classes, y.Labels.IDs, y.Labels.Offsets, y.Tags.IDs} {
			_ = binary.Write(h, binary.LittleEndian, list)
		}
		_ = binary.Write(h, binary.LittleEndian, y.Scores)
	}
	return hex.EncodeToString(h.Sum(nil))
}
