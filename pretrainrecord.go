package xiaoyu

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// How a pretraining is known again: its package and its run keep a digest of all that decides the weights, so that the
// same call takes what is there, or goes on with what was interrupted.

const (
	pretrainTask = "pretrain"           // of the runs
	identityFile = "pretraining.sha256" // of a run: which pretraining it is
	corpusFolder = "corpus"             // of a run: the texts as tokens, while it lasts
)

// pretrainLineage is lineage.json of a pretrained model.
type pretrainLineage struct {
	lineage
	Pretraining pretrainOrigin `json:"pretraining"`
}

type pretrainOrigin struct {
	Identity string        `json:"identity"`
	Corpus   corpus.Report `json:"corpus"`
	Tokens   int64         `json:"tokens"`
	Steps    int           `json:"steps"`
	Before   float64       `json:"perplexity_before,omitempty"`
	After    float64       `json:"perplexity,omitempty"`
}

// digest identifies the pretraining.
func (p *pretraining) digest() (string, error) {
	c := p.config.Pretrain
	c.Out, c.Checkpoint, c.Threads = "", 0, 0
	m := p.config.Model
	m.Dropout, m.EmbedDropout, m.WordDropout, m.Base, m.Head, m.Pair = 0, 0, 0, "", "", false // of the fine-tuning
	without := uint64(0)
	for d := range p.source.Without {
		without += d
	}
	base := ""
	if p.base != nil {
		base = p.base.Package.Digest
	}
	h := sha256.New()
	err := json.NewEncoder(h).Encode([]any{c, m, p.config.Tokenizer, p.config.Data.Clean, p.digests, without, base})
	return hex.EncodeToString(h.Sum(nil)), err
}

// earlier returns what the same call has made before, nil if there is nothing.
func (p *pretraining) earlier() *Pretrained {
	content, err := os.ReadFile(filepath.Join(p.out, model.LineageFile))
	if err != nil {
		return nil
	}
	var origin pretrainLineage
	if json.Unmarshal(content, &origin) != nil || origin.Pretraining.Identity != p.identity {
		return nil
	}
	m, err := model.Open(p.out)
	if err != nil {
		return nil // damaged: it is made again
	}
	defer m.Package.Close()
	o := &origin.Pretraining
	p.Note("pretrained already: %s", p.out)
	return &Pretrained{Package: p.out, Digest: m.Package.Digest, Run: origin.Run, Reused: true, Writes: p.writes(), Corpus: o.Corpus, Tokens: o.Tokens, Steps: o.Steps,
		Before: o.Before, After: o.After, Seconds: time.Since(p.start).Seconds()}
}

// interrupted returns the newest run of this pretraining that was interrupted, "" for none.
func (p *pretraining) interrupted() string {
	runs, err := track.List(p.config.Runs)
	if err != nil {
		return "" // a new run will tell what is wrong with the folder
	}
	id := ""
	var newest time.Time
	for _, r := range runs {
		if r.Task != pretrainTask || r.Status != track.Interrupted || r.Start.Before(newest) {
			continue
		}
		identity, err := os.ReadFile(filepath.Join(p.config.Runs, r.ID, identityFile))
		if err == nil && string(identity) == p.identity {
			id, newest = r.ID, r.Start
		}
	}
	return id
}

// checkpointStep returns the step that a run's checkpoint holds, 0 without one.
func (p *pretraining) checkpointStep(id string) int {
	f, err := safetensors.Open(filepath.Join(p.config.Runs, id, checkpointFile))
	if err != nil {
		return 0
	}
	defer f.Close()
	var s struct {
		Step int `json:"step"`
	}
	// One that is damaged is refused when the training would go on from it.
	_ = json.Unmarshal([]byte(f.Metadata()["state"]), &s)
	return s.Step
}

// files are those of the package beside the model's own.
func (p *pretraining) files(r *Pretrained) (map[string][]byte, error) {
	texts := map[string]string{}
	for path, digest := range p.digests {
		texts[filepath.Base(path)] = digest
	}
	origin := pretrainLineage{
		lineage: lineage{Created: time.Now().UTC(), Run: r.Run, Command: p.options.Command, Data: texts, Config: p.config, Version: Version(), Kernel: kernel.Name(),
			Threads: p.trainer.Threads(), System: runtime.GOOS + "/" + runtime.GOARCH},
		Pretraining: pretrainOrigin{p.identity, r.Corpus, r.Tokens, r.Steps, r.Before, r.After},
	}
	if p.base != nil {
		origin.Parent = p.base.Package.Digest
	}
	content, err := json.MarshalIndent(origin, "", "  ")
	if err != nil {
		return nil, err
	}
	metrics, err := json.MarshalIndent(map[string]any{"perplexity": r.After, "perplexity_before": r.Before, "steps": r.Steps, "tokens": r.Tokens}, "", "  ")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		model.LineageFile: append(content, '\n'),
		model.MetricsFile: append(metrics, '\n'),
		model.CardFile:    []byte(p.card(r)),
	}
	if !p.writes() {
		return files, nil
	}
	return files, p.addTokenizerConfig(files)
}

// card is the model card of a pretrained model.
func (p *pretraining) card(r *Pretrained) string {
	task, what := "fill-mask", "It guesses the tokens that [MASK] stands for."
	if p.model.Config.Head == model.ReplacedHead {
		task, what = "token-classification", "It tells which tokens do not belong in a text."
	}
	if p.writes() {
		task, what = "text-generation", "It continues a text: `xiaoyu generate` writes with it."
	}
	language := "en"
	if chineseShare(p.first) > 0.3 {
		language = "zh"
	}
	var names []string
	for _, path := range p.config.Pretrain.Texts {
		names = append(names, "`"+filepath.Base(path)+"`")
	}
	slices.Sort(names)
	name := filepath.Base(p.out)
	var b strings.Builder
	fmt.Fprintf(&b, "---\nlanguage: %s\nlibrary_name: xiaoyu\npipeline_tag: %s\ntags: [xiaoyu, %s, %s]\n---\n\n# %s\n\n", language, task, p.model.Config.Family, task, name)
	fmt.Fprintf(&b, "A network of the family `%s` that has learnt from texts without labels, with Xiaoyu 小语. %s It is there to be fine-tuned.\n\n", p.model.Config.Family, what)
	fmt.Fprintf(&b, "## Use\n\n```sh\nxiaoyu train --set model.base=%s\nxiaoyu predict %s \"…[MASK]…\"\n```\n\n", name, name)
	if r.After > 0 {
		fmt.Fprintf(&b, "## Figures\n\nPerplexity of hidden tokens of held-out texts: %.2f; before the first step: %.2f.\n\n", r.After, r.Before)
	}
	fmt.Fprintf(&b, "## Facts\n\n- Parameters: %s; %d tokens in the vocabulary; at most %d tokens of a text are read.\n", size.Count(p.model.Parameters()), p.model.Tokenizer.VocabSize(), p.model.Config.MaxTokens)
	fmt.Fprintf(&b, "- Texts: %s, %d of them, %s tokens; %d steps.\n", strings.Join(names, ", "), r.Corpus.Kept, size.Count(int(r.Tokens)), r.Steps)
	b.WriteString("- What reproduces the model stands in `lineage.json`, digests of all files in `manifest.json`.\n")
	return b.String()
}
