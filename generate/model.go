package generate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Model is a causal language model that writes.
type Model struct {
	*model.Model
	cleaner *text.Cleaner
	begin   int32   // begins a text; -1: no token does
	enders  []int32 // end a text
}

// generationFile is what Hugging Face's checkpoints say of writing, beside config.json.
const generationFile = "generation_config.json"

// New returns a model that writes, of one that was opened.
func New(m *model.Model) (*Model, error) {
	g := &Model{Model: m, cleaner: text.NewCleaner(m.Clean), begin: -1}
	err := g.check()
	if err == nil {
		err = g.readEnds()
	}
	if err != nil {
		return nil, fmt.Errorf("writing with the model %s: %w", m.Package.Dir, err)
	}
	return g, nil
}

func (m *Model) check() error {
	if m.Config.Head != model.CausalHead || m.Transformer() == nil {
		return hint.Errorf("take one that `xiaoyu pretrain --model decoder` wrote, or a checkpoint whose class ends in ForCausalLM", "it is no causal language model")
	}
	return nil
}

// readEnds finds the tokens that begin and end a text. generation_config.json, where there is one, knows better.
func (m *Model) readEnds() error {
	var ends struct {
		Begin tokens `json:"bos_token_id"`
		End   tokens `json:"eos_token_id"`
	}
	for _, name := range []string{model.ConfigFile, generationFile} {
		content, err := os.ReadFile(filepath.Join(m.Package.Dir, name))
		if errors.Is(err, fs.ErrNotExist) && name == generationFile {
			continue
		}
		if err == nil {
			err = json.Unmarshal(content, &ends)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
	for _, id := range slices.Concat(ends.Begin, ends.End) {
		if vocabulary := m.Transformer().Config.Vocab; id < 0 || int(id) >= vocabulary {
			return fmt.Errorf("token %d begins or ends a text, of a vocabulary of %d", id, vocabulary)
		}
	}
	m.enders = ends.End
	if len(ends.Begin) > 0 {
		m.begin = ends.Begin[0]
	}
	return nil
}

// tokens are one number or a list of them, or null.
type tokens []int32

func (t *tokens) UnmarshalJSON(data []byte) error {
	var one *int32
	if err := json.Unmarshal(data, &one); err != nil {
		return json.Unmarshal(data, (*[]int32)(t))
	}
	*t = nil
	if one != nil {
		*t = tokens{*one}
	}
	return nil
}

// Ends returns the tokens that end a text; there may be none.
func (m *Model) Ends() []int32 { return m.enders }

// ends tells whether a token ends a text.
func (m *Model) ends(id int32) bool { return slices.Contains(m.enders, id) }
