package trial

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

//go:embed driver/main.c
var driver string

// sourceIn is the name of the model in a folder of C: that of a source that has a header beside it. "" if there is none.
func sourceIn(dir string) string {
	sources, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return ""
	}
	for _, path := range sources {
		name := strings.TrimSuffix(filepath.Base(path), ".c")
		header, err := os.ReadFile(filepath.Join(dir, name+".h"))
		if err == nil && strings.Contains(string(header), name+"_predict_ids(") {
			return name
		}
	}
	return ""
}

// compilers are tried in their order, behind what CC says.
var compilers = []string{"cc", "gcc", "clang"}

// compiler finds one.
func compiler() (string, error) {
	for _, name := range append([]string{os.Getenv("CC")}, compilers...) {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", hint.Errorf("install one (on Debian gcc and libc6-dev), or name it in CC", "there is no C compiler here: %s are not on the path", strings.Join(compilers, ", "))
}

// openC compiles the source in a folder with a driver of ours.
func openC(ctx context.Context, dir string) (*Program, error) {
	name := sourceIn(dir)
	if name == "" {
		return nil, hint.Errorf("name the folder that `xiaoyu export --to c` made", "there is no source of C with its header")
	}
	if err := model.CheckFiles(dir); err != nil {
		return nil, err
	}
	cc, err := compiler()
	if err != nil {
		return nil, err
	}
	c := &inC{}
	header, err := os.ReadFile(filepath.Join(dir, name+".h"))
	if err != nil {
		return nil, err
	}
	call := name + "_predict_bytes(text, (size_t)n, scores)"
	if !strings.Contains(string(header), name+"_predict_bytes(") {
		c.tokens, call = true, name+"_predict_ids((const int32_t *)(void *)text, (int)(n / 4), scores)"
	}
	if c.dir, err = os.MkdirTemp("", "xiaoyu-verify-*"); err != nil {
		return nil, hint.Wrap(err, "set TMPDIR to a folder that you may write to", "compiling it")
	}
	main := strings.NewReplacer("NAME", name, "OUTPUTS", strings.ToUpper(name)+"_OUTPUTS", "CALL", call).Replace(driver)
	err = os.WriteFile(filepath.Join(c.dir, "main.c"), []byte(main), 0o600)
	if err == nil {
		err = c.compile(ctx, cc, dir, name)
	}
	if err != nil {
		os.RemoveAll(c.dir)
		return nil, err
	}
	p := &Program{Kind: "C, by " + filepath.Base(cc), asked: c}
	for _, file := range []string{name + ".c", name + ".h"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err == nil {
			p.Bytes += info.Size()
		}
	}
	return p, nil
}

// inC is a source of C as a program that runs.
type inC struct {
	*lines
	dir    string // of the program, temporary
	tokens bool   // it is given tokens, not texts
}

func (c *inC) compile(ctx context.Context, cc, dir, name string) error {
	program := filepath.Join(c.dir, "program")
	source, err := filepath.Abs(filepath.Join(dir, name+".c"))
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, cc, "-std=c99", "-O2", "-I", filepath.Dir(source), "-o", program, source, filepath.Join(c.dir, "main.c"), "-lm")
	if out, err := build.CombinedOutput(); err != nil {
		return hint.Wrap(err, "see what the compiler says, or name another in CC", "compiling it by %s: %s", cc, lastLine(out))
	}
	c.lines, err = startLines(ctx, []string{program})
	return err
}

func (c *inC) clean(q model.Query) model.Query { return q }

func (c *inC) close() error {
	err := c.lines.close()
	os.RemoveAll(c.dir)
	return err
}

func (c *inC) ask(_ context.Context, m *model.Model, q model.Query) (model.Prediction, error) {
	given := []byte(q.Text)
	if c.tokens {
		given = given[:0]
		var in model.Input
		var e model.Sample
		m.Encode(&in, &e, q.Text, q.Pair)
		for _, id := range in.Tokens.IDs {
			given = binary.LittleEndian.AppendUint32(given, uint32(id)) // the machine's own order, which is this one wherever C is compiled here
		}
	}
	if _, err := fmt.Fprintf(c.in, "%x\n", len(given)); err != nil {
		return model.Prediction{}, err
	}
	answer, err := c.say(given)
	if err != nil {
		return model.Prediction{}, err
	}
	fields := strings.Fields(string(answer))
	result, err := strconv.Atoi(fields[0])
	if err != nil || result < 0 {
		return model.Prediction{}, fmt.Errorf("it calls a query wrong: %.60q", answer)
	}
	scores := make([]float32, len(fields)-1)
	for i, f := range fields[1:] {
		v, err := strconv.ParseFloat(f, 32)
		if err != nil {
			return model.Prediction{}, fmt.Errorf("it wrote the score %q: %w", f, err)
		}
		scores[i] = float32(v)
	}
	return ofScores(m, result, scores)
}

// ofScores makes a prediction of what a model in C gives, by its head.
func ofScores(m *model.Model, result int, scores []float32) (model.Prediction, error) {
	var p model.Prediction
	switch m.Config.Head {
	case model.ClassHead:
		if result >= len(m.Labels) || len(scores) != len(m.Labels) {
			return p, fmt.Errorf("it has %d labels, the model %d", len(scores), len(m.Labels))
		}
		p.Class, p.Label, p.Probability, p.Probabilities = result, m.Labels[result], scores[result], scores
	case model.MultiLabelHead:
		if len(scores) != len(m.Labels) {
			return p, fmt.Errorf("it has %d labels, the model %d", len(scores), len(m.Labels))
		}
		p.Probabilities = scores
		for i, l := range m.Labels {
			threshold := 0.5
			if i < len(m.Config.Thresholds) {
				threshold = m.Config.Thresholds[i]
			}
			if scores[i] >= float32(threshold) {
				p.Labels = append(p.Labels, l)
			}
		}
		mostProbable(m, &p)
	case model.RegressionHead:
		p.Score = float64(scores[0])
	default:
		p.Vector = scores
	}
	return p, nil
}
