package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

var (
	commandInText = regexp.MustCompile("`(xiaoyu [^`]+)`")
	keyInText     = regexp.MustCompile("`((?:data|tokenizer|model|train|eval|tune|ensemble|distill|continue)\\.[a-z_.]+)")
)

// TestThePagesNameCommandsThatExist takes every command line of README and docs, in code blocks and within sentences, and
// looks for the command and each of its flags; and every key of the configuration that they name.
func TestThePagesNameCommandsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "README.zh-CN.md"))
	config, err := xiaoyu.Preset("cnn")
	if err != nil {
		t.Fatal(err)
	}
	all := conf.Keys(config)
	lines, keys := 0, 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		block := false
		for line := range strings.Lines(string(content)) {
			line = strings.TrimSpace(line)
			var found []string
			switch {
			case strings.HasPrefix(line, "```"):
				block = !block
			case block && strings.HasPrefix(line, "xiaoyu "):
				found = append(found, line)
			case block && strings.HasPrefix(line, "go run ./cmd/xiaoyu "):
				found = append(found, strings.TrimPrefix(line, "go run ./cmd/"))
			case !block:
				for _, m := range commandInText.FindAllStringSubmatch(line, -1) {
					found = append(found, m[1])
				}
				for _, m := range keyInText.FindAllStringSubmatch(line, -1) {
					if slices.Contains([]string{".json", ".safetensors", ".onnx", ".tflite", ".gguf"}, filepath.Ext(m[1])) {
						continue // a file of a package
					}
					keys++
					if !slices.ContainsFunc(all, func(key string) bool { return key == m[1] || strings.HasPrefix(key, m[1]+".") }) {
						t.Errorf("%s names the key %s, which there is not", filepath.Base(page), m[1])
					}
				}
			}
			for _, command := range found {
				lines++
				checkCommand(t, filepath.Base(page), command)
			}
		}
	}
	if lines < 40 || keys < 8 {
		t.Errorf("only %d commands and %d keys were found: has the form of the pages changed?", lines, keys)
	}
}

func checkCommand(t *testing.T, page, line string) {
	t.Helper()
	words := shellWords(line)[1:]
	cmd, rest, err := newRoot(newTerminal(os.Stdout, os.Stderr)).Find(words)
	if err != nil {
		t.Errorf("%s: %s: %v", page, line, err)
		return
	}
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && cmd.HasSubCommands() {
		t.Errorf("%s: %s: there is no command %q", page, line, rest[0])
	}
	for _, w := range rest {
		name, isFlag := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		if !isFlag || name == "help" || name == "" {
			continue
		}
		if cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
			t.Errorf("%s: %s: there is no flag --%s", page, line, name)
		}
	}
}

// shellWords cuts a line at spaces outside quotation marks, and ends it at a comment, pipe or redirection.
func shellWords(line string) []string {
	var words []string
	quote, word := rune(0), ""
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case quote == 0 && r == ' ':
			if word == "#" || word == "|" || word == "<" || word == ">" || word == `\` {
				return words
			}
			if word != "" {
				words = append(words, word)
			}
			word = ""
		default:
			word += string(r)
		}
	}
	return words
}
