package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Facts are what a package says of itself: its kind, its card, its configuration, and app.yaml for an application.
type Facts struct {
	Kind        Kind
	Title       string
	Description string
	Licence     string
	Task        string
	Library     string
	Family      string  // architecture of a model
	Latency     float64 // milliseconds for a text, as the card says; 0 if it does not
	Languages   []string
	Tags        []string
	Datasets    []string
	BaseModels  []string
	Sources     []Source     // of a model, by its lineage.json
	Needs       []Dependency // of an application
	Version     string       // of an application, as it says itself
	Card        *Card        // nil without a README.md
}

// maxText is how much of a file of text is read, in bytes.
const maxText = 4 << 20

// ReadFacts finds out what files say of their package. open returns the content of one, fs.ErrNotExist if there is none
// of the name. kind "" is found out as well.
func ReadFacts(kind Kind, files []File, open func(path string) (io.ReadCloser, error)) (*Facts, error) {
	f := &Facts{Kind: kind}
	if content, err := readText(open, CardFile); err != nil {
		return nil, err
	} else if content != nil {
		if f.Card, err = ReadCard(content); err != nil {
			return nil, err
		}
		c := f.Card
		f.Title, f.Description, f.Licence, f.Task, f.Library = c.Title, c.Summary, c.Licence, c.Task, c.Library
		f.Languages, f.Tags, f.Datasets, f.BaseModels = c.Languages, c.Tags, c.Datasets, c.BaseModel
		for _, x := range c.Figures {
			if strings.HasPrefix(strings.ToLower(x.Name), "latency") && x.Value > 0 {
				f.Latency = x.Value
			}
		}
	}
	app, err := readText(open, AppFile)
	if err != nil {
		return nil, err
	}
	if f.Kind == "" {
		f.Kind = kindOf(files, app != nil)
	}
	switch f.Kind {
	case Application:
		return f, f.application(app)
	case Model:
		f.Sources = sources(open)
		return f, f.model(open)
	}
	return f, nil
}

func (f *Facts) application(content []byte) error {
	if content == nil {
		return nil // it may come with the next commit; package inspect says so
	}
	a, err := ReadApp(content)
	if err != nil {
		return err
	}
	f.Version = a.Version
	if a.Title != "" {
		f.Title = a.Title
	}
	if a.Description != "" {
		f.Description = a.Description
	}
	f.Needs, err = a.Needs()
	return err
}

func (f *Facts) model(open func(string) (io.ReadCloser, error)) error {
	content, err := readText(open, "config.json")
	if content == nil || err != nil {
		return err
	}
	var c struct {
		ModelType string `json:"model_type"`
		Xiaoyu    struct {
			Family string `json:"family"`
		} `json:"xiaoyu"`
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return hint.Errorf("make it JSON", "config.json: %w: %w", ErrInvalid, err)
	}
	f.Family = c.ModelType
	if c.Xiaoyu.Family != "" {
		f.Family = c.Xiaoyu.Family
		if f.Library == "" {
			f.Library = "xiaoyu"
		}
	}
	return nil
}

// kindOf guesses from names: an application has its file, a model its weights; anything else is data.
func kindOf(files []File, app bool) Kind {
	if app {
		return Application
	}
	if formatOf(files) != "" || slices.ContainsFunc(files, func(f File) bool { return f.Path == "config.json" }) {
		return Model
	}
	return Dataset
}

// readText reads a small file; nil if there is none.
func readText(open func(string) (io.ReadCloser, error), name string) ([]byte, error) {
	r, err := open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(content) > maxText {
		return nil, hint.Errorf("make it shorter", "%s has more than %d MB: %w", name, maxText>>20, ErrInvalid)
	}
	if content == nil {
		content = []byte{}
	}
	return content, nil
}
