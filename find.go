package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/vector"
)

// graphRows is the number of rows beyond which an index gets a graph: fewer are searched exactly.
const graphRows = 1_000_000

// IndexOptions say what an index is made of.
type IndexOptions struct {
	Path     string // of the texts; "" opens an index that is there
	Columns  data.Columns
	Prompt   string // name of the model's prompt for the texts; "" for passage or document if it has them, else its default one
	Dir      string // folder of the index; "" for one that is deleted when it is closed
	Observer Observer
}

// Index is the vectors of a file's texts, ready to be searched.
type Index struct {
	*vector.Store
	temporary string // folder that goes with it
}

// OpenIndex opens the index of a file, and makes it first if it is not there. An interrupted call leaves what is done, and
// the same call goes on. An index of another model, another column, or of the file in another state is refused.
func OpenIndex(ctx context.Context, m *Model, o IndexOptions) (*Index, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	x := new(Index)
	if o.Dir == "" {
		var err error
		if o.Dir, err = os.MkdirTemp("", "xiaoyu-index-"); err != nil {
			return nil, err
		}
		x.temporary = o.Dir
	}
	err := x.open(ctx, m, o)
	if err == nil {
		return x, nil
	}
	if x.temporary != "" {
		err = errors.Join(err, os.RemoveAll(x.temporary))
	} else if errors.Is(err, context.Canceled) {
		err = hint.Wrap(err, "the same command goes on where it was", "making the index %s", o.Dir)
	}
	return nil, err
}

func (x *Index) open(ctx context.Context, m *Model, o IndexOptions) (err error) {
	if o.Path != "" {
		if o.Prompt, err = m.promptFor(o.Prompt, "passage", "document"); err != nil {
			return err
		}
		if err := makeIndex(ctx, m, o); err != nil {
			return err
		}
	}
	if x.Store, err = vector.OpenStore(o.Dir); err != nil {
		return err
	}
	switch {
	case x.About.Model != m.Package.Digest:
		err = hint.Errorf("use that model, or make an index with this one", "the index %s was made with another model", o.Dir)
	case x.Len() > graphRows && x.Graph == nil:
		err = x.addGraph(ctx, o)
	}
	if err != nil {
		x.Store.Close()
	}
	return err
}

// makeIndex embeds what the index lacks of the file.
func makeIndex(ctx context.Context, m *Model, o IndexOptions) error {
	about := vector.About{Model: m.Package.Digest, Prompt: o.Prompt, Data: o.Path, Column: o.Columns.Text, MaxTokens: m.Config.MaxTokens, Dim: m.Dim()}
	if o.Path != "-" {
		from, err := sourceOf(o.Path, o.Columns)
		if err != nil {
			return err
		}
		about.Bytes, about.Modified = from.Bytes, from.Modified
	}
	if about.Dim == 0 {
		_, err := m.Embed(ctx, nil, o.Prompt) // says why
		return err
	}
	w, err := vector.NewWriter(o.Dir, about)
	if err != nil || w.Complete() {
		return err
	}
	defer w.Close()
	if err := w.Cut(w.Rows() - w.Rows()%embedWindow); err != nil { // see wholeWindows
		return err
	}
	r, err := data.Open(ctx, o.Path, o.Columns)
	if err != nil {
		return err
	}
	defer r.Close()
	watch := watchReading(o.Observer, r, "embedding")
	for e, err := range EmbedAll(ctx, m, behind(r.All(), w.Rows()), o.Prompt) {
		if err != nil {
			return err
		}
		if err := w.Add(e.Vector, vector.Row{Line: e.Line, Text: e.Text}); err != nil {
			return fmt.Errorf("writing the index %s: %w", o.Dir, err)
		}
		watch(w.Rows())
	}
	return w.Finish()
}

func (x *Index) addGraph(ctx context.Context, o IndexOptions) error {
	o.Observer.Stage("linking", int64(x.Len()), "vectors")
	g, err := vector.BuildGraph(ctx, x.Set, func(done, _ int64) { o.Observer.Progress(done, "") })
	if err != nil {
		return err
	}
	x.Graph = g
	return g.Write(o.Dir)
}

// promptFor is the prompt of a name; without one, that of the first usual name that the model knows, else its default.
func (m *Model) promptFor(name string, usual ...string) (string, error) {
	if name == "" {
		for _, u := range usual {
			if prompt, err := m.Prompt(u); err == nil {
				return prompt, nil
			}
		}
	}
	return m.Prompt(name)
}

// Close ends searching.
func (x *Index) Close() error {
	err := x.Store.Close()
	if x.temporary != "" {
		err = errors.Join(err, os.RemoveAll(x.temporary))
	}
	return err
}

// Found is a text of an index, and how near it is to a question.
type Found struct {
	vector.Row
	Cosine float32 `json:"cosine"`
}

// Find returns the k texts that are nearest in meaning to a question, nearest first. prompt names the model's
// prompt for the question; "" is query if it has that, else its default one.
func (x *Index) Find(ctx context.Context, m *Model, question, prompt string, k int) ([]Found, error) {
	prompt, err := m.promptFor(prompt, "query")
	if err != nil {
		return nil, err
	}
	vectors, err := m.Embed(ctx, []string{question}, prompt)
	if err != nil {
		return nil, err
	}
	var hits []vector.Hit
	if x.Graph != nil {
		hits, err = x.Graph.Search(vectors[0], k)
	} else {
		hits, err = x.Search(ctx, vectors[0], k)
	}
	if err != nil {
		return nil, err
	}
	found := []Found{}
	for _, h := range hits {
		row, err := x.Row(h.Row)
		if err != nil {
			return nil, err
		}
		found = append(found, Found{row, h.Cosine})
	}
	return found, nil
}
