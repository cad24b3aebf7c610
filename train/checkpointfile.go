package train

import (
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

// WriteCheckpoint writes what a training needs to continue: arrays of numbers, and a state that becomes JSON. identity
// says which training it is. The file is replaced as a whole.
func WriteCheckpoint(path, identity string, state any, arrays map[string][]float32) error {
	st, err := json.Marshal(state)
	if err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		tensors = append(tensors, safetensors.FromFloat32(name, []int{len(arrays[name])}, arrays[name]))
	}
	err = safetensors.WriteFile(path, tensors, map[string]string{"state": string(st), "training": identity})
	if err != nil {
		return hint.Wrap(err, "free some space", "saving a checkpoint to %s", path)
	}
	return nil
}

// Checkpoint is a checkpoint that is being read.
type Checkpoint struct {
	path string
	file *safetensors.File
}

// OpenCheckpoint opens the checkpoint of a training and reads its state. The caller closes it.
func OpenCheckpoint(path, identity string, state any) (*Checkpoint, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, hint.Wrap(err, "start the training anew", "reading the checkpoint %s", path)
	}
	if f.Metadata()["training"] != identity {
		f.Close()
		return nil, hint.Wrap(ErrOtherTraining, "restore configuration, data and train.threads as they were, or start anew", "reading the checkpoint %s", path)
	}
	if err := json.Unmarshal([]byte(f.Metadata()["state"]), state); err != nil {
		f.Close()
		return nil, hint.Wrap(err, "start the training anew", "reading the checkpoint %s", path)
	}
	return &Checkpoint{path, f}, nil
}

// Fill reads all arrays, or changes none of them.
func (c *Checkpoint) Fill(arrays map[string][]float32) error {
	saved := map[string][]float32{}
	for name, array := range arrays {
		t, ok := c.file.Tensor(name)
		if !ok {
			return hint.Errorf("start the training anew", "reading the checkpoint %s: %q is missing", c.path, name)
		}
		data, err := t.Float32()
		if err == nil && len(data) != len(array) {
			err = fmt.Errorf("%d numbers, expected %d", len(data), len(array))
		}
		if err != nil {
			return hint.Wrap(err, "start the training anew", "reading the checkpoint %s: %q", c.path, name)
		}
		saved[name] = data
	}
	for name, array := range arrays {
		copy(array, saved[name])
	}
	return nil
}

// Close closes the file; what Fill has read stays.
func (c *Checkpoint) Close() error { return c.file.Close() }
