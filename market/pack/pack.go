// Package pack makes of a folder what a market stores, and reads it again: an OCI artifact with the media types of the
// CNCF's ModelPack (https://github.com/modelpack/model-spec/blob/main/docs/spec.md).
//
//	p, err := pack.Folder(ctx, "sentiment", pack.Options{})   // digests of all files, manifest, configuration, facts
//	m, err := pack.Parse(manifest)                            // the files that a manifest names
//
// A package is a manifest, a small configuration, and a layer a file: raw, neither archived nor compressed, its path in an
// annotation. So the digest of a layer is the SHA-256 of the file, a new version shares what has not changed with the
// old one, and what speaks the Hugging Face hub's protocol finds the same blobs.
//
// The same files give the same manifest, to the byte: nothing in it tells of the time or the machine.
package pack

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// The media types of ModelPack (https://github.com/modelpack/model-spec/blob/main/specs-go/v1/mediatype.go). Layers are
// raw; of the archived forms none is written here.
const (
	ArtifactType    = "application/vnd.cncf.model.manifest.v1+json"
	ConfigType      = "application/vnd.cncf.model.config.v1+json"
	WeightType      = "application/vnd.cncf.model.weight.v1.raw"
	WeightSettings  = "application/vnd.cncf.model.weight.config.v1.raw" // config.json, tokenizer.json and their like
	DocumentType    = "application/vnd.cncf.model.doc.v1.raw"
	CodeType        = "application/vnd.cncf.model.code.v1.raw"
	DatasetType     = "application/vnd.cncf.model.dataset.v1.raw"
	pathAnnotation  = "org.cncf.model.filepath"
	layerTypePrefix = "application/vnd.cncf.model."
)

// KindAnnotation says on a manifest what kind of package it is: ModelPack knows models alone.
const KindAnnotation = "io.github.xiaoyu-slm.kind"

// MaxManifest is the size up to which manifests are read, in bytes: some 50,000 files.
const MaxManifest = 16 << 20

// ErrNotPackage is the cause where a manifest is a good one, but no package: an image, say.
var ErrNotPackage = errors.New("not a package of files")

// ErrInvalid is the cause where something is wrong with a package.
var ErrInvalid = errors.New("not valid")

// Kind is what a package is.
type Kind string

// The kinds.
const (
	Model       Kind = "model"
	Dataset     Kind = "dataset"
	Application Kind = "application"
)

// File is one of a package.
type File struct {
	Path   string // with slashes
	Digest digest.Digest
	Size   int64 // bytes
}

// Manifest is what a package's manifest says.
type Manifest struct {
	Kind   Kind // "" where the manifest does not say and its files do not tell
	Config v1.Descriptor
	Files  []File // by path
}

// Blobs lists what has to be in the store for a package: configuration and files, each once.
func (m *Manifest) Blobs() []digest.Digest {
	list := []digest.Digest{m.Config.Digest}
	for _, f := range m.Files {
		list = append(list, f.Digest)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Size is that of all files, in bytes.
func (m *Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// modelConfig is ModelPack's configuration
// (https://github.com/modelpack/model-spec/blob/main/docs/config.md), as far as it is written here.
type modelConfig struct {
	Descriptor struct {
		Name        string   `json:"name,omitempty"`
		Title       string   `json:"title,omitempty"`
		Description string   `json:"description,omitempty"`
		Licenses    []string `json:"licenses,omitempty"`
	} `json:"descriptor"`
	Config struct {
		Architecture string `json:"architecture,omitempty"`
		Format       string `json:"format,omitempty"`
		ParamSize    string `json:"paramSize,omitempty"`
	} `json:"config"`
	ModelFS struct {
		Type    string          `json:"type"`
		DiffIDs []digest.Digest `json:"diffIds"`
	} `json:"modelfs"`
}

// Build makes manifest and configuration of files that lie in a store already.
func Build(files []File, f Facts) (manifest, config []byte, err error) {
	if len(files) == 0 {
		return nil, nil, hint.Errorf("put a README.md in it at least", "a package without files: %w", ErrInvalid)
	}
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var c modelConfig
	c.Descriptor.Title, c.Descriptor.Description = f.Title, f.Description
	if f.Licence != "" {
		c.Descriptor.Licenses = []string{f.Licence}
	}
	c.Config.Architecture, c.Config.Format = f.Family, formatOf(files)
	c.ModelFS.Type = "layers"
	for _, file := range files {
		c.ModelFS.DiffIDs = append(c.ModelFS.DiffIDs, file.Digest)
	}
	if config, err = json.Marshal(&c); err != nil {
		return nil, nil, err
	}
	m := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: ArtifactType,
		Config:       v1.Descriptor{MediaType: ConfigType, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Annotations:  map[string]string{KindAnnotation: string(f.Kind)},
	}
	for i, file := range files {
		if err := CheckPath(file.Path); err != nil {
			return nil, nil, err
		}
		if i > 0 && files[i-1].Path == file.Path {
			return nil, nil, hint.Errorf("name it once", "the file %s stands twice: %w", file.Path, ErrInvalid)
		}
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: mediaType(f.Kind, file.Path), Digest: file.Digest, Size: file.Size, Annotations: map[string]string{pathAnnotation: file.Path}})
	}
	if manifest, err = json.Marshal(&m); err != nil {
		return nil, nil, err
	}
	if len(manifest) > MaxManifest {
		return nil, nil, hint.Errorf("put small files together, as JSON lines or Parquet", "%d files are too many for one package: %w", len(files), ErrInvalid)
	}
	return manifest, config, nil
}

// Parse reads the manifest of a package. ErrNotPackage for one that is none, ErrInvalid for one that is wrong.
func Parse(manifest []byte) (*Manifest, error) {
	var m v1.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, hint.Errorf("send a manifest of the OCI image specification", "the manifest: %w: %w", ErrInvalid, err)
	}
	if m.ArtifactType != ArtifactType && m.Config.MediaType != ConfigType {
		return nil, ErrNotPackage
	}
	p := &Manifest{Kind: Kind(m.Annotations[KindAnnotation]), Config: m.Config}
	if p.Kind != "" && p.Kind != Model && p.Kind != Dataset && p.Kind != Application {
		return nil, hint.Errorf("it is model, dataset or application", "the kind %.40q: %w", p.Kind, ErrInvalid)
	}
	if err := m.Config.Digest.Validate(); err != nil {
		return nil, hint.Errorf("send a manifest of the OCI image specification", "the manifest's configuration: %w: %w", ErrInvalid, err)
	}
	data := 0
	seen := map[string]bool{}
	for _, l := range m.Layers {
		name := l.Annotations[pathAnnotation]
		if name == "" {
			name = l.Annotations[v1.AnnotationTitle] // what oras and others write
		}
		if !strings.HasSuffix(l.MediaType, ".raw") && strings.HasPrefix(l.MediaType, layerTypePrefix) {
			return nil, hint.Errorf("pack files as raw layers, or use `xiaoyu push`", "the layer %s is an archive (%s): %w", name, l.MediaType, ErrInvalid)
		}
		if err := CheckPath(name); err != nil {
			return nil, err
		}
		if seen[strings.ToLower(name)] {
			return nil, hint.Errorf("give each file a name of its own, in any case of letters", "the file %s stands twice: %w", name, ErrInvalid)
		}
		seen[strings.ToLower(name)] = true
		if l.Digest.Validate() != nil || l.Digest.Algorithm() != digest.SHA256 || l.Size < 0 {
			return nil, hint.Errorf("use the SHA-256 of the file", "the digest of %s: %w", name, ErrInvalid)
		}
		if l.MediaType == DatasetType {
			data++
		}
		p.Files = append(p.Files, File{name, l.Digest, l.Size})
	}
	if len(p.Files) == 0 {
		return nil, hint.Errorf("put a README.md in it at least", "a package without files: %w", ErrInvalid)
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(p.Files); i++ {
		if strings.HasPrefix(p.Files[i].Path, p.Files[i-1].Path+"/") {
			return nil, hint.Errorf("rename one of them", "%s is a file and a folder: %w", p.Files[i-1].Path, ErrInvalid)
		}
	}
	switch {
	case p.Kind != "":
	case seen[AppFile]:
		p.Kind = Application
	case data > 0:
		p.Kind = Dataset
	default:
		p.Kind = Model
	}
	return p, nil
}

// CheckPath refuses what is no plain path within a folder, on any system that a package may be unpacked on.
func CheckPath(name string) error {
	const way = "name it by a plain path with slashes, without .. or characters that some system does not allow"
	bad := name == "" || len(name) > 512 || !utf8.ValidString(name) || path.Clean(name) != name || path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") ||
		strings.ContainsAny(name, `\:*?"<>|`) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
	for part := range strings.SplitSeq(name, "/") {
		stem, _, _ := strings.Cut(strings.ToLower(part), ".")
		bad = bad || len(part) > 200 || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " ") || part == ".git" || windowsNames[stem]
	}
	if bad {
		return hint.Errorf(way, "the file %.200q: %w", name, ErrInvalid)
	}
	return nil
}

// windowsNames are devices whatever their folder and ending.
var windowsNames = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}

func init() {
	for i := range 10 {
		windowsNames[fmt.Sprint("com", i)] = true
		windowsNames[fmt.Sprint("lpt", i)] = true
	}
}

var weightFormats = map[string]string{".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".tflite": "tflite"}

// mediaType says what a file of a package is.
func mediaType(kind Kind, name string) string {
	base, ending := strings.ToUpper(path.Base(name)), strings.ToLower(path.Ext(name))
	switch {
	case ending == ".md" || ending == ".pdf" || strings.HasPrefix(base, "LICENSE") || strings.HasPrefix(base, "LICENCE") || strings.HasPrefix(base, "NOTICE"):
		return DocumentType
	case ending == ".py" || ending == ".go" || ending == ".js" || ending == ".sh":
		return CodeType
	case weightFormats[ending] != "" || ending == ".bin" || ending == ".data":
		return WeightType
	case kind == Dataset:
		return DatasetType
	}
	return WeightSettings
}

// formatOf names the form of the weights, of several the one that is read here first.
func formatOf(files []File) string {
	for _, ending := range []string{".safetensors", ".onnx", ".gguf", ".tflite"} {
		for _, f := range files {
			if strings.HasSuffix(f.Path, ending) {
				return weightFormats[ending]
			}
		}
	}
	return ""
}
