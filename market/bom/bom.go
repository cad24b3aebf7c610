// Package bom tells what a package is made of in a form that programs for supply chains read: a CycloneDX bill of materials
// for machine learning (ML-BOM), version 1.6 (https://cyclonedx.org/docs/1.6/json/). It says nothing that the package's card,
// lineage, figures and files do not say; the same package gives the same bytes.
package bom

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Package is what a bill is made of.
type Package struct {
	Name    string // owner/name, or a folder's
	Version string // "" for none
	Digest  digest.Digest
	Files   []pack.File
	Facts   *pack.Facts
	// Open returns the content of a file; fs.ErrNotExist if there is none of the name.
	Open func(path string) (io.ReadCloser, error)
}

// The parts of a bill, under CycloneDX's names.
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components,omitempty"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Tools     *tools    `json:"tools,omitempty"`
	Component component `json:"component"`
}

type tools struct {
	Components []component `json:"components"`
}

type component struct {
	Type        string      `json:"type"`
	Ref         string      `json:"bom-ref,omitempty"`
	Name        string      `json:"name"`
	Version     string      `json:"version,omitempty"`
	Description string      `json:"description,omitempty"`
	Hashes      []hash      `json:"hashes,omitempty"`
	Licences    []licence   `json:"licenses,omitempty"`
	Pedigree    *pedigree   `json:"pedigree,omitempty"`
	Properties  []property  `json:"properties,omitempty"`
	Components  []component `json:"components,omitempty"`
	Card        *modelCard  `json:"modelCard,omitempty"`
	Data        []dataset   `json:"data,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Licence licenceName `json:"license"`
}

type licenceName struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type pedigree struct {
	Ancestors []component `json:"ancestors"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type modelCard struct {
	Parameters modelParameters `json:"modelParameters"`
	Analysis   *analysis       `json:"quantitativeAnalysis,omitempty"`
}

type modelParameters struct {
	Approach     *approach    `json:"approach,omitempty"`
	Task         string       `json:"task,omitempty"`
	Family       string       `json:"architectureFamily,omitempty"`
	Datasets     []datasetRef `json:"datasets,omitempty"`
	Inputs       []format     `json:"inputs,omitempty"`
	Architecture string       `json:"modelArchitecture,omitempty"`
}

type approach struct {
	Type string `json:"type"`
}

type datasetRef struct {
	Ref string `json:"ref"`
}

type format struct {
	Format string `json:"format"`
}

type analysis struct {
	Metrics []metric `json:"performanceMetrics"`
}

type metric struct {
	Type     string    `json:"type"`
	Value    string    `json:"value"`
	Interval *interval `json:"confidenceInterval,omitempty"`
}

type interval struct {
	Low  string `json:"lowerBound"`
	High string `json:"upperBound"`
}

type dataset struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// Make writes the bill of a package.
func Make(p Package) ([]byte, error) {
	m := &maker{Package: p, main: "package"}
	if err := m.read("lineage.json", &m.lineage); err != nil {
		return nil, err
	}
	if err := m.read("metrics.json", &m.figures); err != nil {
		return nil, err
	}
	b := m.bill()
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// maker makes one bill.
type maker struct {
	Package
	main    string // reference of the package itself
	parts   []component
	lineage lineage
	figures figures
}

// lineage is what is read of lineage.json.
type lineage struct {
	Created string            `json:"created"`
	Version string            `json:"version"`
	System  string            `json:"system"`
	Data    map[string]string `json:"data"` // digests of the files that it was trained on, by name
	Parent  string            `json:"parent"`
	Config  struct {
		Model struct {
			Base string `json:"base"`
		} `json:"model"`
	} `json:"config"`
	Taught *struct {
		Teacher string `json:"teacher"`
	} `json:"taught"`
}

// figures is what is read of metrics.json.
type figures struct {
	N         int      `json:"n"`
	Accuracy  *float64 `json:"accuracy"`
	MacroF1   *float64 `json:"macro_f1"`
	Intervals map[string]struct {
		Low  float64 `json:"low"`
		High float64 `json:"high"`
	} `json:"intervals"`
}

// most is how long a file is that is read, in bytes.
const most = 16 << 20

// read reads a file of JSON, which need not be there. What is not as we write it says nothing: others have files of these
// names too.
func (m *maker) read(name string, into any) error {
	file, err := m.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if json.Unmarshal(text, into) != nil && !json.Valid(text) {
		return hint.Errorf("make it JSON, or take it out", "%s is no JSON", name)
	}
	return nil
}

func (m *maker) bill() *bill {
	sum := m.Digest.Encoded()
	if len(sum) < 32 {
		sum = digest.FromString(m.Name).Encoded()
	}
	b := &bill{Format: "CycloneDX", SpecVersion: "1.6", Serial: uuid(sum), Version: 1}
	main := m.component()
	switch m.Facts.Kind {
	case pack.Model:
		main.Card = m.card()
		main.Pedigree = m.pedigree()
	case pack.Application:
		for _, n := range m.Facts.Needs {
			m.part(component{Type: "library", Name: n.Package, Version: n.Version, Hashes: []hash{{"SHA-256", n.Digest.Encoded()}}})
		}
	}
	b.Metadata = metadata{Timestamp: m.lineage.Created, Component: main}
	if m.lineage.Version != "" {
		b.Metadata.Tools = &tools{[]component{{Type: "application", Name: "xiaoyu", Version: m.lineage.Version}}}
	}
	b.Components = m.parts
	on := dependency{Ref: m.main}
	for _, c := range m.parts {
		on.On = append(on.On, c.Ref)
	}
	b.Dependencies = []dependency{on}
	return b
}

// uuid makes an identifier of a SHA-256, in the form of RFC 9562's version 8.
func uuid(sum string) string {
	return fmt.Sprintf("urn:uuid:%s-%s-8%s-8%s-%s", sum[:8], sum[8:12], sum[13:16], sum[17:20], sum[20:32])
}

// component is the package itself.
func (m *maker) component() component {
	f := m.Facts
	c := component{Type: map[pack.Kind]string{pack.Model: "machine-learning-model", pack.Dataset: "data", pack.Application: "application"}[f.Kind],
		Ref: m.main, Name: m.Name, Version: m.Version, Description: cmp.Or(f.Description, f.Title)}
	if m.Digest != "" {
		c.Hashes = []hash{{"SHA-256", m.Digest.Encoded()}}
		c.Properties = append(c.Properties, property{"xiaoyu:manifest", m.Digest.String()})
	}
	if f.Kind == pack.Dataset {
		c.Data = []dataset{{"dataset", m.Name}}
	}
	if f.Licence != "" {
		c.Licences = []licence{{licenceOf(f.Licence)}}
	}
	for _, l := range f.Languages {
		c.Properties = append(c.Properties, property{"xiaoyu:language", l})
	}
	if m.lineage.System != "" {
		c.Properties = append(c.Properties, property{"xiaoyu:trained-on", m.lineage.System})
	}
	for _, file := range m.Files {
		c.Components = append(c.Components, component{Type: "file", Name: file.Path, Hashes: []hash{{"SHA-256", file.Digest.Encoded()}}})
	}
	return c
}

// part adds something that the package was made of, and returns its reference.
func (m *maker) part(c component) string {
	c.Ref = fmt.Sprintf("part-%d", len(m.parts)+1)
	m.parts = append(m.parts, c)
	return c.Ref
}

// card tells of the task, the data and the figures.
func (m *maker) card() *modelCard {
	card := &modelCard{Parameters: modelParameters{Task: m.Facts.Task, Family: m.Facts.Family, Inputs: []format{{"text"}}}}
	for _, name := range slices.Sorted(maps.Keys(m.lineage.Data)) {
		c := component{Type: "data", Name: name, Data: []dataset{{"dataset", name}}}
		if d := digest.Digest("sha256:" + strings.TrimPrefix(m.lineage.Data[name], "sha256:")); d.Validate() == nil {
			c.Hashes = []hash{{"SHA-256", d.Encoded()}}
		}
		card.Parameters.Datasets = append(card.Parameters.Datasets, datasetRef{m.part(c)})
	}
	for _, name := range m.Facts.Datasets {
		card.Parameters.Datasets = append(card.Parameters.Datasets, datasetRef{m.part(component{Type: "data", Name: name, Data: []dataset{{"dataset", name}}})})
	}
	if len(card.Parameters.Datasets) > 0 {
		card.Parameters.Approach = &approach{"supervised"}
	}
	var list []metric
	for _, v := range []struct {
		name  string
		value *float64
	}{{"accuracy", m.figures.Accuracy}, {"macro_f1", m.figures.MacroF1}} {
		if v.value == nil || m.figures.N == 0 {
			continue
		}
		one := metric{Type: v.name, Value: number(*v.value)}
		if i, known := m.figures.Intervals[v.name]; known {
			one.Interval = &interval{number(i.Low), number(i.High)}
		}
		list = append(list, one)
	}
	if len(list) > 0 {
		card.Analysis = &analysis{list}
	}
	return card
}

func number(v float64) string { return fmt.Sprintf("%.4f", v) }

// pedigree names the models that this one was made from, as parts too.
func (m *maker) pedigree() *pedigree {
	var names []string
	names = append(names, m.Facts.BaseModels...)
	if base := m.lineage.Config.Model.Base; base != "" && !slices.Contains(names, base) {
		names = append(names, base)
	}
	if m.lineage.Taught != nil && m.lineage.Taught.Teacher != "" {
		names = append(names, m.lineage.Taught.Teacher)
	}
	var p pedigree
	for _, name := range names {
		c := component{Type: "machine-learning-model", Name: name}
		if name == m.lineage.Config.Model.Base && m.lineage.Parent != "" {
			c.Properties = []property{{"xiaoyu:digest", m.lineage.Parent}}
		}
		p.Ancestors = append(p.Ancestors, c)
		m.part(c)
	}
	if len(p.Ancestors) == 0 {
		return nil
	}
	return &p
}

// spdx are SPDX's identifiers of licences that cards name in lower case (https://spdx.org/licenses/).
var spdx = map[string]string{}

func init() {
	for _, id := range strings.Fields(`AFL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC0-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0
		CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0
		CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 AGPL-3.0-only GPL-2.0-only GPL-3.0-only LGPL-2.1-only LGPL-3.0-only ISC
		MIT MPL-2.0 MS-PL MulanPSL-2.0 NCSA ODbL-1.0 ODC-By-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 PostgreSQL Unlicense WTFPL Zlib`) {
		spdx[strings.ToLower(id)] = id
		spdx[strings.ToLower(strings.TrimSuffix(id, "-only"))] = id // as the Hugging Face hub says
	}
}

func licenceOf(name string) licenceName {
	if id := spdx[strings.ToLower(name)]; id != "" {
		return licenceName{ID: id}
	}
	return licenceName{Name: name}
}
