package xiaoyu

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// lineage is lineage.json: what reproduces the model.
type lineage struct {
	Created time.Time         `json:"created"`
	Run     string            `json:"run"`
	Command []string          `json:"command"`
	Data    map[string]string `json:"data"`              // digests of the files read, by name
	Vectors string            `json:"vectors,omitempty"` // the file of word vectors among them
	Rows    data.CleanReport  `json:"rows"`
	Config  Config            `json:"config"`
	Version string            `json:"version"`
	Kernel  string            `json:"kernel"`
	Threads int               `json:"threads"`
	System  string            `json:"system"`
	Parent  string            `json:"parent,omitempty"` // digest of model.base, or of the package that was trained further
	Taught  *taughtBy         `json:"taught,omitempty"` // by whom

	Earlier   []learntFrom `json:"earlier,omitempty"` // what that and its own parents were trained on, the oldest first
	Continued *Continued   `json:"continued,omitempty"`
}

// threads is how many processors the training used; an ensemble's members tell theirs.
func (t *training) threads() int {
	if t.trainer == nil {
		return 0
	}
	return t.trainer.Threads()
}

func (t *training) save(report *eval.Report, continued *Continued) (*model.Package, error) {
	rows := t.set.Report
	rows.Examples = nil // texts of the user's data stay out of the package
	about := lineage{
		Created: time.Now().UTC(), Run: t.record.ID(), Command: t.options.Command, Data: t.files(filepath.Base),
		Vectors: t.config.Model.Vectors, Rows: rows, Config: t.config, Version: Version(), Kernel: kernel.Name(), Threads: t.threads(), System: runtime.GOOS + "/" + runtime.GOARCH, Parent: t.parent,
		Taught: t.lesson.origin(),
	}
	if t.from != nil {
		about.Parent, about.Earlier, about.Continued = t.from.digest, t.from.sources, continued
	}
	origin, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return nil, err
	}
	public := *report
	public.Mistakes = nil // these too
	metrics, err := json.MarshalIndent(&public, "", "  ")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		model.LineageFile: append(origin, '\n'),
		model.MetricsFile: append(metrics, '\n'),
		model.CardFile:    []byte(card(&t.config, t.model, &public, t.set) + continued.card()),
	}
	if err := t.addAdapter(files); err != nil {
		return nil, err
	}
	return t.model.Save(t.config.packageDir(), files)
}

// addAdapter adds the low-rank changes of a base, where there are any, in PEFT's layout: the package's own weights have
// them merged.
func (t *training) addAdapter(files map[string][]byte) error {
	if t.trainer == nil || t.config.Model.Base == "" {
		return nil
	}
	var parts map[string][]byte
	var err error
	switch {
	case t.config.Train.Bottleneck.Size > 0:
		parts, err = t.model.BottleneckFiles(train.PEFTTask(t.config.Model.Head))
	case t.trainer.Adapter() != nil:
		parts, err = t.trainer.Adapter().Files()
	}
	for name, data := range parts {
		files["adapter/"+name] = data
	}
	return err
}

// readLineage reads what a package says of its origin.
func readLineage(dir string) (*lineage, error) {
	content, err := os.ReadFile(filepath.Join(dir, model.LineageFile))
	if err != nil {
		return nil, err
	}
	var origin lineage
	return &origin, json.Unmarshal(content, &origin)
}
