package pack

import (
	"encoding/json"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/opencontainers/go-digest"
)

// LineageFile is where a model that was trained here says what it was made of.
const LineageFile = "lineage.json"

// Source is something that a model was made of: a file of data, or the package of another model.
type Source struct {
	Role   string        // FromData, FromParent or FromTeacher
	Name   string        // as the training knew it: of a file or folder its last part, or a name on a hub
	Digest digest.Digest // of the file, or of the manifest.json of the model; "" where lineage.json has none
}

// Roles of sources.
const (
	FromData    = "data"
	FromParent  = "parent"
	FromTeacher = "teacher"
)

// mostSources and longestSource bound what is kept of a lineage, in sources and in bytes of a name.
const (
	mostSources   = 64
	longestSource = 200
)

// lineage is what is read of lineage.json.
type lineage struct {
	Data   map[string]string `json:"data"` // digests by name
	Parent string            `json:"parent"`
	Config struct {
		Model struct {
			Base string `json:"base"`
		} `json:"model"`
		Continue struct {
			Model string `json:"model"`
		} `json:"continue"`
	} `json:"config"`
	Taught struct {
		Teacher string `json:"teacher"`
		Digest  string `json:"digest"`
	} `json:"taught"`
	Earlier []struct {
		Files map[string]string `json:"files"`
	} `json:"earlier"`
}

// sources reads lineage.json. A file of the name that is not as we write it says nothing: others have such files too.
func sources(open func(path string) (io.ReadCloser, error)) (list []Source) {
	file, err := open(LineageFile)
	if err != nil {
		return nil
	}
	defer file.Close()
	var l lineage
	if json.NewDecoder(io.LimitReader(file, maxText)).Decode(&l) != nil {
		return nil
	}
	add := func(role, name, sum string) {
		s := Source{Role: role, Name: sourceName(name), Digest: digest.Digest("sha256:" + strings.TrimPrefix(sum, "sha256:"))}
		if s.Digest.Validate() != nil {
			s.Digest = ""
		}
		if (s.Name != "" || s.Digest != "") && len(list) < mostSources && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	parent := l.Config.Model.Base
	if parent == "" {
		parent = l.Config.Continue.Model
	}
	add(FromParent, parent, l.Parent)
	add(FromTeacher, l.Taught.Teacher, l.Taught.Digest)
	all := []map[string]string{l.Data}
	for _, e := range l.Earlier {
		all = append(all, e.Files)
	}
	for _, files := range all {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			add(FromData, name, files[name])
		}
	}
	return list
}

// sourceName is a name without the folders of the machine that it was trained on, which are nobody's business. A name on
// a hub (hf://owner/name) stays whole.
func sourceName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '\\' {
			return '/'
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if name == "" {
		return ""
	}
	if !strings.Contains(name, "://") {
		name = path.Base(name)
	}
	return strings.ToValidUTF8(name[:min(len(name), longestSource)], "")
}
