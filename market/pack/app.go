package pack

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// AppFile is the file that makes a folder an application.
const AppFile = "app.yaml"

// App is the envelope of an application: what it is, what goes in and out, what it may do, and what it needs. It is
// declarative: an application holds no code.
type App struct {
	Name         string            `yaml:"name" doc:"what the application is called, as in owner/name"`
	Kind         string            `yaml:"kind" doc:"what the file describes" default:"application" enum:"application"`
	Version      string            `yaml:"version" doc:"semantic version, such as 1.0.0"`
	Title        string            `yaml:"title" doc:"one line for people"`
	Description  string            `yaml:"description" doc:"a paragraph for people"`
	Inputs       map[string]string `yaml:"inputs" doc:"what goes in: a name and its type, which is text, number, boolean, label, table or file"`
	Outputs      map[string]string `yaml:"outputs" doc:"what comes out: a name and its type"`
	Permissions  []string          `yaml:"permissions" doc:"what it may do beyond its inputs and outputs" enum:"network|files|history|schedule|notify"`
	Dependencies map[string]string `yaml:"dependencies" doc:"models and data: a name of the application's own, and owner/name:version@sha256:…"`
}

var (
	appName    = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	fieldName  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	fieldTypes = []string{"text", "number", "boolean", "label", "table", "file"}
	dependency = regexp.MustCompile(`^([a-z0-9]+(?:[._-]+[a-z0-9]+)*/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9._-]*))?@(sha256:[0-9a-f]{64})$`)
	version    = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
)

// Dependency is a package that an application needs.
type Dependency struct {
	Name    string // the application's own for it
	Package string // owner/name
	Version string // "" if only the digest is named
	Digest  digest.Digest
}

// ReadApp reads an app.yaml and checks it; an unknown key is an error that names the nearest one.
func ReadApp(content []byte) (*App, error) {
	var a App
	conf.Defaults(&a)
	if err := conf.Decode(content, AppFile, &a); err != nil {
		return nil, err
	}
	fail := func(way, format string, args ...any) error {
		return hint.Errorf(way, "%s: %s", AppFile, fmt.Sprintf(format, args...))
	}
	if !appName.MatchString(a.Name) {
		return nil, fail("use small letters, digits, and single '.', '_' or '-' between them", "name %q", a.Name)
	}
	if !version.MatchString(a.Version) {
		return nil, fail("write a semantic version, such as 1.0.0", "version %q", a.Version)
	}
	if len(a.Inputs) == 0 || len(a.Outputs) == 0 {
		return nil, fail("say what goes in and out, as in inputs: {question: text}", "inputs and outputs are needed")
	}
	for section, fields := range map[string]map[string]string{"inputs": a.Inputs, "outputs": a.Outputs} {
		for name, kind := range fields {
			if !fieldName.MatchString(name) {
				return nil, fail("use small letters, digits and _", "%s.%s", section, name)
			}
			if !slices.Contains(fieldTypes, kind) {
				way := "it is " + strings.Join(fieldTypes, ", ")
				if near := hint.Nearest(kind, fieldTypes); near != "" {
					way = fmt.Sprintf("did you mean %s? %s", near, way)
				}
				return nil, fail(way, "%s.%s has the type %q", section, name, kind)
			}
		}
	}
	if _, err := a.Needs(); err != nil {
		return nil, err
	}
	return &a, nil
}

// Needs lists the dependencies by name.
func (a *App) Needs() (list []Dependency, err error) {
	for name, ref := range a.Dependencies {
		m := dependency.FindStringSubmatch(ref)
		if !fieldName.MatchString(name) || m == nil {
			return nil, hint.Errorf("write it as in classifier: owner/name:1.0.0@sha256:…; `xiaoyu info` shows digests", "%s: dependencies.%s is %q", AppFile, name, ref)
		}
		list = append(list, Dependency{name, m[1], m[2], digest.Digest(m[3])})
	}
	slices.SortFunc(list, func(a, b Dependency) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// NeedsIn reads the dependencies of a published app.yaml; one that is not understood any more needs nothing that is known.
func NeedsIn(r io.Reader) ([]Dependency, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", AppFile, err)
	}
	a, err := ReadApp(content)
	if err != nil {
		return nil, nil
	}
	return a.Needs()
}
