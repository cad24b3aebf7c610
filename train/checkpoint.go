package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
)

// Save writes a checkpoint: all that Restore needs to continue to the same result. The file is replaced as a whole.
func (tr *Trainer) Save(path string) error {
	return WriteCheckpoint(path, tr.identity(), tr.state, tr.arrays())
}

// Restore continues from the checkpoint at path. Model, data and configuration must be those of the training that
// saved it, the number of threads included.
func (tr *Trainer) Restore(path string) error {
	var s state
	c, err := OpenCheckpoint(path, tr.identity(), &s)
	if err != nil {
		return err
	}
	defer c.Close()
	if s.BestAt > 0 {
		tr.best = make([]float32, len(tr.model.Params.Values()))
	}
	if err := c.Fill(tr.arrays()); err != nil {
		return err
	}
	if s.TopAt == 0 {
		s.TopAt = s.BestAt // of a version that kept the best alone
	}
	if tr.state = s; s.Form == tried {
		tr.dual.readRows(tr.model, tr.model.Linear(), tr.train)
	}
	return nil
}

// arrays are the numbers that change while training.
func (tr *Trainer) arrays() map[string][]float32 {
	arrays := map[string][]float32{}
	if tr.dual != nil {
		arrays["dual.beta"] = tr.dual.beta
	} else if tr.updater != nil {
		maps.Copy(arrays, tr.updater.State())
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
		for _, list := range [][]int32{set.Input.Tokens.IDs, set.Input.Tokens.Offsets, set.Input.Features.IDs, set.Input.Characters.IDs, set.Input.Direct.IDs, set.Input.Wide.IDs, y.Classes, y.Labels.IDs, y.Labels.Offsets, y.Tags.IDs, y.Groups.IDs} {
			_ = binary.Write(h, binary.LittleEndian, list)
		}
		for _, list := range [][]float32{y.Scores, y.Weights, y.Soft, y.SoftWeights, y.Vectors} {
			_ = binary.Write(h, binary.LittleEndian, list)
		}
	}
	if tr.unlabelled != nil {
		_ = binary.Write(h, binary.LittleEndian, tr.unlabelled.Input.Tokens.IDs)
	}
	if tr.updater != nil && tr.updater.anchor != nil {
		h.Write(tr.updater.anchor.digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}
