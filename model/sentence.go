package model

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Sentence is how the states of a sentence encoder become an embedding, beside Config.Pooling.
type Sentence struct {
	Normalize     bool              `json:"normalize,omitempty"`      // to length 1
	Prompts       map[string]string `json:"prompts,omitempty"`        // what stands before a text, by its name
	DefaultPrompt string            `json:"default_prompt,omitempty"` // name of the one that is used where none is named
	Dense         []Dense           `json:"dense,omitempty"`          // layers over what is pooled, in their order
}

// defaultPrompt stands before texts of which nobody says what they are for.
func (s *Sentence) defaultPrompt() string {
	if s == nil {
		return ""
	}
	return s.Prompts[s.DefaultPrompt]
}

// Prompt returns what stands before a text: the prompt of that name, or the default one for "".
func (m *Model) Prompt(name string) (string, error) {
	s := m.Config.Sentence
	if s == nil {
		s = &Sentence{}
	}
	if name == "" {
		return s.defaultPrompt(), nil
	}
	prompt, ok := s.Prompts[name]
	if !ok {
		way := "this model has no prompts"
		if len(s.Prompts) > 0 {
			way = "there are " + strings.Join(slices.Sorted(maps.Keys(s.Prompts)), ", ")
		}
		return "", hint.Errorf(way, "there is no prompt %q", name)
	}
	return prompt, nil
}

// The files of a sentence-transformers folder (https://sbert.net/docs/package_reference/sentence_transformer/models.html).
const (
	modulesFile        = "modules.json"
	sentenceConfigFile = "config_sentence_transformers.json"
	sentenceBERTFile   = "sentence_bert_config.json"
)

// module is a row of modules.json.
type module struct {
	Path string `json:"path"`
	Type string `json:"type"`
}

// kind is the type without the place of its code.
func (m *module) kind() string { return m.Type[strings.LastIndex(m.Type, ".")+1:] }

const normalizeModule = "Normalize"

// readSentence puts what a sentence-transformers folder says into c; any other folder changes nothing.
func (c *Config) readSentence(dir string) error {
	var modules []module
	if found, err := readJSON(dir, modulesFile, &modules); err != nil || !found {
		return err
	}
	c.Sentence = &Sentence{}
	for _, m := range modules {
		switch kind := m.kind(); kind {
		case "Transformer":
			if err := c.readMaxTokens(filepath.Join(dir, m.Path)); err != nil {
				return err
			}
		case "Pooling":
			if err := c.readPooling(dir, m.Path); err != nil {
				return err
			}
		case denseModule:
			if c.Sentence.Normalize {
				return hint.Errorf("take a model that normalises last", "%s: the module %s behind %s is not supported", modulesFile, kind, normalizeModule)
			}
			if err := c.Sentence.readDense(dir, m.Path); err != nil {
				return err
			}
		case normalizeModule:
			c.Sentence.Normalize = true
		case "Dropout": // nothing, where nothing is trained
		default:
			return hint.Errorf("take a model of the modules Transformer, Pooling, Dense and Normalize", "%s: the module %s is not supported (%s)", modulesFile, kind, cmp.Or(m.Path, "the folder itself"))
		}
	}
	return c.readPrompts(dir)
}

func (c *Config) readPrompts(dir string) error {
	var prompts struct {
		Prompts map[string]string `json:"prompts"`
		Default string            `json:"default_prompt_name"`
	}
	_, err := readJSON(dir, sentenceConfigFile, &prompts)
	c.Sentence.Prompts, c.Sentence.DefaultPrompt = prompts.Prompts, prompts.Default
	return err
}

func (c *Config) readMaxTokens(dir string) error {
	var limit struct {
		MaxTokens int `json:"max_seq_length"`
	}
	_, err := readJSON(dir, sentenceBERTFile, &limit)
	if limit.MaxTokens > 0 {
		c.MaxTokens = min(c.MaxTokens, limit.MaxTokens)
	}
	return err
}

// pooledBy are the keys of 1_Pooling/config.json, and our names for what they ask for.
var pooledBy = map[string]string{
	"pooling_mode_cls_token": "first", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max",
	"pooling_mode_lasttoken": "last", "pooling_mode_mean_sqrt_len_tokens": "root_mean",
}

// poolingOrder is that in which the results of several stand side by side.
var poolingOrder = []string{"pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_tokens", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_lasttoken"}

// parsePoolings reads the name of a pooling, or several joined by +.
func parsePoolings(names string) ([]nn.Pooling, error) {
	var list []nn.Pooling
	for name := range strings.SplitSeq(names, "+") {
		how, err := nn.ParsePooling(name)
		if err != nil {
			return []nn.Pooling{nn.MeanPool}, err
		}
		list = append(list, how)
	}
	return list, nil
}

func (c *Config) readPooling(dir, path string) error {
	if !filepath.IsLocal(path) {
		return fmt.Errorf("%s names the path %q, which is outside the folder", modulesFile, path)
	}
	var keys map[string]any
	file := filepath.ToSlash(filepath.Join(path, ConfigFile))
	if found, err := readJSON(dir, file, &keys); err != nil || !found {
		return errors.Join(err, fmt.Errorf("%s is missing or broken", file))
	}
	var asked []string
	for key, on := range keys {
		if on == true && strings.HasPrefix(key, "pooling_mode_") {
			asked = append(asked, key)
		}
	}
	slices.SortFunc(asked, func(a, b string) int { return slices.Index(poolingOrder, a) - slices.Index(poolingOrder, b) })
	if len(asked) == 0 || !slices.Contains(poolingOrder, asked[0]) {
		return hint.Errorf("take a model that pools in the ways "+strings.Join(slices.Sorted(maps.Values(pooledBy)), ", "), "%s: the pooling %q is not supported", file, asked)
	}
	names := make([]string, len(asked))
	for i, key := range asked {
		names[i] = pooledBy[key]
	}
	c.Pooling = strings.Join(names, "+")
	if keys["include_prompt"] == false && c.Pooling != "first" {
		return hint.Errorf("take a model that pools over the prompt as well", "%s: pooling without the prompt is not supported", file)
	}
	return nil
}

// sentenceFiles are the files that make a package a sentence-transformers folder too.
func (m *Model) sentenceFiles() (map[string][]byte, error) {
	c := &m.Config
	if c.Sentence == nil {
		return nil, nil
	}
	if c.Layout == Model2Vec {
		return c.staticFiles()
	}
	kinds := []string{"Transformer", "Pooling"}
	for range c.Sentence.Dense {
		kinds = append(kinds, denseModule)
	}
	if c.Sentence.Normalize {
		kinds = append(kinds, normalizeModule)
	}
	modules := moduleList(kinds...)
	pooling := map[string]any{"word_embedding_dimension": c.Encoder.Hidden, "include_prompt": true}
	for key, name := range pooledBy {
		pooling[key] = slices.Contains(strings.Split(c.Pooling, "+"), name)
	}
	prompts := map[string]any{"prompts": c.Sentence.Prompts, "similarity_fn_name": "cosine", "default_prompt_name": nil}
	if c.Sentence.DefaultPrompt != "" {
		prompts["default_prompt_name"] = c.Sentence.DefaultPrompt
	}
	if c.Sentence.Prompts == nil {
		prompts["prompts"] = map[string]string{}
	}
	files, err := jsonFiles(map[string]any{
		modulesFile: modules, "1_Pooling/" + ConfigFile: pooling, sentenceConfigFile: prompts,
		sentenceBERTFile: map[string]any{"max_seq_length": c.MaxTokens, "do_lower_case": false},
	})
	if err != nil {
		return nil, err
	}
	return files, m.denseFiles(files)
}

// staticFiles are those of static embeddings.
func (c *Config) staticFiles() (map[string][]byte, error) {
	modules := moduleList(staticModule)
	if c.Sentence.Normalize {
		modules = moduleList(staticModule, normalizeModule)
	}
	return jsonFiles(map[string]any{modulesFile: modules})
}

// moduleList is the content of modules.json for modules in the order in which a text passes them. The first one's files
// are those of the folder itself.
func moduleList(kinds ...string) []map[string]any {
	var list []map[string]any
	for i, kind := range kinds {
		path := ""
		if i > 0 {
			path = fmt.Sprintf("%d_%s", i, kind)
		}
		list = append(list, map[string]any{"idx": i, "name": strconv.Itoa(i), "path": path, "type": "sentence_transformers.models." + kind})
	}
	return list
}

// jsonFiles are files of JSON by their names.
func jsonFiles(values map[string]any) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, value := range values {
		data, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return nil, err
		}
		files[name] = append(data, '\n')
	}
	return files, nil
}

// readJSON reads a file of a model's folder, and tells whether it is there.
func readJSON(dir, name string, into any) (bool, error) {
	data, err := readSmall(os.DirFS(dir), name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", name, err)
	}
	return true, nil
}
