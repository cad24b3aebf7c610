package xiaoyu

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// states is the memory of what a network that does not learn makes of texts: a file in the folder of the runs for each
// network, so that another head, another draw of the labels, a curve, a fold or a resumed training costs seconds.
type states struct {
	path  string
	width int
	rows  map[stateKey][]float32
	fresh int // rows that the file lacks
}

// stateKey is the beginning of the SHA-256 of a text's tokens.
type stateKey [16]byte

// statesDir is the folder, in that of the runs, of what networks make of texts.
const statesDir = "states"

// statesVersion changes when networks come to compute something else.
const statesVersion = 1

// openStates reads what is known of the texts' states under the network of m.
func openStates(runs string, m *model.Model) (*states, error) {
	h := sha256.New()
	shape, err := json.Marshal([]any{m.Config.Encoder, m.Config.Pooling, m.Config.Normalize, statesVersion})
	if err != nil {
		return nil, err
	}
	h.Write(shape)
	for _, p := range m.Body() {
		if err := binary.Write(h, binary.LittleEndian, p.Data); err != nil {
			return nil, err
		}
	}
	s := &states{path: filepath.Join(runs, statesDir, hex.EncodeToString(h.Sum(nil)[:8])+".safetensors"), width: m.Width(), rows: map[stateKey][]float32{}}
	return s, s.read()
}

func (s *states) read() error {
	file, err := safetensors.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	const way = "delete the file; what it holds is computed again"
	if err != nil {
		return hint.Wrap(err, way, "reading what the network makes of texts")
	}
	defer file.Close()
	keys, ok := file.Tensor("keys")
	values, found := file.Tensor("states")
	if !ok || !found || len(keys.Shape) != 2 || keys.Shape[1] != len(stateKey{}) || !slices.Equal(values.Shape, []int{keys.Shape[0], s.width}) || values.CheckFinite() != nil {
		return hint.Errorf(way, "reading what the network makes of texts: %s is damaged", s.path)
	}
	numbers, err := values.Float32()
	if err != nil {
		return hint.Wrap(err, way, "reading what the network makes of texts, from %s", s.path)
	}
	numbers = slices.Clone(numbers) // which otherwise end with the file
	for i := range keys.Shape[0] {
		s.rows[stateKey(keys.Data[i*len(stateKey{}):])] = numbers[i*s.width : (i+1)*s.width]
	}
	return nil
}

// write keeps what is new.
func (s *states) write() error {
	if s.fresh == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "keeping what the network makes of texts")
	}
	var keys []byte
	var numbers []float32
	for key, row := range s.rows {
		keys, numbers = append(keys, key[:]...), append(numbers, row...)
	}
	n := len(s.rows)
	err := safetensors.WriteFile(s.path, []safetensors.Tensor{
		{Name: "keys", DType: safetensors.U8, Shape: []int{n, len(stateKey{})}, Data: keys},
		safetensors.FromFloat32("states", []int{n, s.width}, numbers),
	}, nil)
	if err != nil {
		return hint.Wrap(err, "free some space", "keeping what the network makes of texts in %s", s.path)
	}
	s.fresh = 0
	return nil
}

// keyOf tells examples apart by what the network reads.
func keyOf(in *model.Input, i int) stateKey {
	var raw []byte
	for _, id := range in.Tokens.Sequence(i) {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
	}
	if len(in.Types) > 0 {
		for _, kind := range in.Types[in.Tokens.Offsets[i]:in.Tokens.Offsets[i+1]] {
			raw = append(raw, byte(kind))
		}
	}
	sum := sha256.Sum256(raw)
	return stateKey(sum[:])
}

// know puts the states of a set's examples into it, where a head learns alone over a network that stays what it is.
func (t *training) know(ctx context.Context, set *train.Set) error {
	if t.config.Train.Recipe == setfitRecipe || t.config.Train.Freeze != "all" || t.config.Train.Unfreeze > 0 || !t.model.HeadApart() || set.Len() == 0 {
		return nil
	}
	if t.states == nil {
		var err error
		if t.states, err = openStates(t.config.Runs, t.model); err != nil {
			return err
		}
	}
	s := t.states
	keys := make([]stateKey, set.Len())
	var missing model.Input
	var places []int
	asked := map[stateKey]bool{}
	for i := range keys {
		keys[i] = keyOf(&set.Input, i)
		if s.rows[keys[i]] == nil && !asked[keys[i]] {
			asked[keys[i]] = true
			t.model.AppendExample(&missing, &set.Input, i)
			places = append(places, i)
		}
	}
	if err := t.compute(ctx, &missing, keys, places); err != nil {
		return err
	}
	set.Input.States = make([]float32, 0, len(keys)*s.width)
	for _, key := range keys {
		set.Input.States = append(set.Input.States, s.rows[key]...)
	}
	return nil
}

// knowAtOnce is how many states are computed before what is done is worth keeping.
const knowAtOnce = 2048

// compute runs examples that nothing is known of through the network; what was done before an interruption is kept.
func (t *training) compute(ctx context.Context, in *model.Input, keys []stateKey, places []int) (err error) {
	if len(places) == 0 {
		return nil
	}
	s, pool := t.states, parallel.New(t.config.Train.Threads)
	defer pool.Close()
	defer func() { err = errors.Join(err, s.write()) }()
	tape := nn.NewTape(pool)
	t.Stage("encoder", int64(len(places)), "texts")
	for from := 0; from < len(places); from += knowAtOnce {
		to := min(from+knowAtOnce, len(places))
		var part model.Input
		for i := from; i < to; i++ {
			t.model.AppendExample(&part, in, i)
		}
		if err := t.model.Know(ctx, &part, tape, func(done int) { t.Progress(int64(from+done), "") }); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			s.rows[keys[places[i]]] = part.States[(i-from)*s.width : (i-from+1)*s.width]
			s.fresh++
		}
	}
	return nil
}

// embedSet runs a set's texts through the network, whose states are remembered nowhere.
func (t *training) embedSet(ctx context.Context, set *train.Set) error {
	pool := parallel.New(t.config.Train.Threads)
	defer pool.Close()
	t.Stage("encoder", int64(set.Len()), "texts")
	return t.model.Know(ctx, &set.Input, nn.NewTape(pool), func(done int) { t.Progress(int64(done), "") })
}

// recall is answer for the model that was trained: from states where these are remembered.
func (t *training) recall(ctx context.Context, stage string, rows []data.Row) (*answers, error) {
	if t.states == nil {
		return t.answer(ctx, t.model, stage, rows)
	}
	t.Stage(stage, int64(len(rows)), "texts")
	t.encoded = 0
	set := t.encode(rows, false)
	if err := t.know(ctx, set); err != nil {
		return nil, err
	}
	_, predictions, err := train.Evaluate(ctx, t.model, set, nn.NewTape(nil))
	return &answers{predictions: predictions}, err
}

// noteCrossValidation tells what the labels themselves say of a head that was solved.
func (t *training) noteCrossValidation() {
	if accuracy, n := t.trainer.CrossValidated(); n > 0 && t.config.Model.Head == model.ClassHead {
		half := 1.96 * math.Sqrt(accuracy*(1-accuracy)/float64(n))
		t.Note("cross-validation on %d labels: accuracy %.3f ± %.3f", n, accuracy, half)
	}
}
