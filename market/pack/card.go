package pack

import (
	"bytes"
	"cmp"
	"math"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// CardFile is a package's page: Markdown, with facts in YAML between two lines of three dashes at its beginning.
const CardFile = "README.md"

// Card is what a README.md says of a package, under the keys of the Hugging Face hub
// (https://huggingface.co/docs/hub/model-cards, https://huggingface.co/docs/hub/datasets-cards).
type Card struct {
	Title     string // the first heading, or pretty_name
	Summary   string // the first paragraph
	Licence   string
	Task      string
	Library   string
	Languages []string
	Tags      []string
	Datasets  []string
	BaseModel []string
	Body      string // Markdown without the front matter
	Examples  []Example
	Figures   []Figure
}

// Example is a text to try a model with (the key widget).
type Example struct {
	Title string // "" for none
	Text  string
	Pair  string // the second text, where there are two
}

// Figure is what a model has reached (the key model-index), as its card says.
type Figure struct {
	Name    string
	Value   float64
	Dataset string // that it was reached on
}

const (
	maxExamples = 12
	maxFigures  = 40
)

// words is a list in YAML that people also write as one value.
type words []string

func (w *words) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Tag != "!!null" && node.Value != "" {
			*w = words{node.Value}
		}
	case yaml.SequenceNode:
		for _, n := range node.Content {
			if n.Kind == yaml.ScalarNode && n.Value != "" && n.Tag != "!!null" {
				*w = append(*w, n.Value)
			}
		}
	}
	return nil // cards of others hold all sorts of things; what is no list of words says nothing
}

func (w words) first() string {
	if len(w) == 0 {
		return ""
	}
	return w[0]
}

// ReadCard reads a README.md. Without front matter it says what the text does; broken front matter is an error.
func ReadCard(content []byte) (*Card, error) {
	front, body := splitFront(content)
	var keys struct {
		License        words `yaml:"license"`
		PipelineTag    words `yaml:"pipeline_tag"`
		TaskCategories words `yaml:"task_categories"`
		Library        words `yaml:"library_name"`
		Language       words `yaml:"language"`
		Tags           words `yaml:"tags"`
		Datasets       words `yaml:"datasets"`
		BaseModel      words `yaml:"base_model"`
		PrettyName     words `yaml:"pretty_name"`

		Widget yaml.Node `yaml:"widget"`
		Index  yaml.Node `yaml:"model-index"`
	}
	if err := yaml.Unmarshal(front, &keys); err != nil {
		return nil, hint.Errorf("write key: value lines between two lines of ---, or take them out", "%s: its front matter: %v", CardFile, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	c := &Card{Licence: strings.ToLower(keys.License.first()), Task: keys.PipelineTag.first(), Library: keys.Library.first(), Tags: keys.Tags, Datasets: keys.Datasets, BaseModel: keys.BaseModel, Body: string(body)}
	if c.Task == "" {
		c.Task = keys.TaskCategories.first()
	}
	for _, l := range keys.Language {
		c.Languages = append(c.Languages, strings.ToLower(l))
	}
	c.Title, c.Summary = opening(c.Body)
	if name := keys.PrettyName.first(); name != "" {
		c.Title = name
	}
	c.Examples, c.Figures = examples(&keys.Widget), figures(&keys.Index)
	return c, nil
}

// examples reads the key widget; what is something else says nothing.
func examples(node *yaml.Node) (list []Example) {
	var entries []struct {
		Title    string `yaml:"example_title"`
		Text     string `yaml:"text"`
		Context  string `yaml:"context"`
		Source   string `yaml:"source_sentence"`
		Question string `yaml:"question"`
		Pair     string `yaml:"text_pair"`
	}
	if node.Kind != yaml.SequenceNode || node.Decode(&entries) != nil {
		return nil
	}
	for _, e := range entries {
		x := Example{Title: e.Title, Text: cmp.Or(e.Text, e.Context, e.Source), Pair: cmp.Or(e.Pair, e.Question)}
		if x.Text != "" && len(list) < maxExamples {
			list = append(list, x)
		}
	}
	return list
}

// figures reads the key model-index; what is something else says nothing.
func figures(node *yaml.Node) (list []Figure) {
	var entries []struct {
		Results []struct {
			Dataset struct {
				Name string `yaml:"name"`
			} `yaml:"dataset"`
			Metrics []struct {
				Name  string    `yaml:"name"`
				Type  string    `yaml:"type"`
				Value yaml.Node `yaml:"value"`
			} `yaml:"metrics"`
		} `yaml:"results"`
	}
	if node.Kind != yaml.SequenceNode || node.Decode(&entries) != nil {
		return nil
	}
	for _, e := range entries {
		for _, r := range e.Results {
			for _, m := range r.Metrics {
				var v float64
				if m.Value.Kind == yaml.ScalarNode && m.Value.Decode(&v) == nil && !math.IsNaN(v) && !math.IsInf(v, 0) && len(list) < maxFigures {
					list = append(list, Figure{cmp.Or(m.Name, m.Type), v, r.Dataset.Name})
				}
			}
		}
	}
	return list
}

// splitFront cuts front matter and text apart.
func splitFront(content []byte) (front, body []byte) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(content, []byte("---\n"))
	if !ok {
		return nil, content
	}
	if bytes.HasPrefix(rest, []byte("---\n")) {
		return nil, rest[4:]
	}
	front, body, ok = bytes.Cut(rest, []byte("\n---\n"))
	if !ok {
		if front, ok = bytes.CutSuffix(rest, []byte("\n---")); !ok {
			return nil, content
		}
	}
	return front, body
}

// opening returns the first heading and the first paragraph of a Markdown text.
func opening(text string) (title, paragraph string) {
	var lines []string
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		plain := !fenced && line != "" && !strings.ContainsAny(line[:1], "#`|<![>-*=")
		switch {
		case title == "" && strings.HasPrefix(line, "# "):
			title = strings.TrimSpace(line[2:])
		case plain:
			lines = append(lines, line)
		case len(lines) > 0:
			return title, shorten(strings.Join(lines, " "), 300)
		}
	}
	return title, shorten(strings.Join(lines, " "), 300)
}

func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
