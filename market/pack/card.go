package pack

import (
	"bytes"
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
}

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
	return c, nil
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
