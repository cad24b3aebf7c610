package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// An ensemble's package holds those of its members, whole, in folders below members/. Its manifest names their digests
// beside its own files, so that its own digest stands for all of it. Its config.json tells order, weights and how
// predictions are joined.

// membersDir is the folder of the members' packages.
const membersDir = "members"

// ensembleFormat is the first version of the layout that knows members.
const ensembleFormat = 2

type ensembleJSON struct {
	Members []memberJSON `json:"members"`
	Vote    bool         `json:"vote"`
	Stack   *Stack       `json:"stack,omitempty"`
}

type memberJSON struct {
	Dir    string  `json:"dir"` // in the package, with forward slashes
	Family string  `json:"family"`
	Weight float64 `json:"weight"`
}

// memberDir is where member i lies in the package.
func (e *Ensemble) memberDir(i int) string {
	return fmt.Sprintf("%s/%d-%s", membersDir, i+1, e.Members[i].Config.Family)
}

func (e *Ensemble) json() *ensembleJSON {
	out := &ensembleJSON{Vote: e.Vote, Stack: e.Stack}
	for i, m := range e.Members {
		out.Members = append(out.Members, memberJSON{e.memberDir(i), m.Config.Family, e.Weights[i]})
	}
	return out
}

// write puts the members' packages into the folder of an ensemble and returns their digests by folder.
func (e *Ensemble) write(dir string) (map[string]string, error) {
	digests := map[string]string{}
	for i, m := range e.Members {
		name := e.memberDir(i)
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return nil, err
		}
		var err error
		if m.Package != nil {
			err = m.Package.copyTo(to)
		} else {
			err = m.writePackage(to, nil)
		}
		if err != nil {
			return nil, err
		}
		p := &Package{Dir: to, files: os.DirFS(to)}
		if err := verifyAlone(p); err != nil {
			return nil, err
		}
		digests[name] = p.Digest
	}
	return digests, nil
}

// copyTo copies the files of a package.
func (p *Package) copyTo(dir string) error {
	data, err := readSmall(p.files, ManifestFile)
	if err != nil {
		return err
	}
	var man manifest
	if err := json.Unmarshal(data, &man); err != nil {
		return err
	}
	for name := range man.Files {
		if err := copyFile(p.files, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(filepath.Join(dir, ManifestFile), data, 0o644)
}

func copyFile(files fs.FS, name, to string) error {
	in, err := files.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// verifyMembers checks the members' packages against the manifest of their ensemble.
func (p *Package) verifyMembers(man *manifest) error {
	names := make([]string, 0, len(man.Members))
	for name := range man.Members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		base, ok := strings.CutPrefix(name, membersDir+"/")
		if !ok || base == "" || strings.ContainsAny(base, `/\:`) || base == "." || base == ".." {
			return hint.Errorf("do not use this package", "opening the model %s: %s names the member %q, which is outside the package", p.Dir, ManifestFile, name)
		}
		if _, err := fs.Stat(p.files, name); err != nil {
			return hint.Wrap(err, "get the package again", "opening the model %s", p.Dir)
		}
		files, err := fs.Sub(p.files, name)
		if err != nil {
			return err
		}
		member := &Package{Dir: filepath.Join(p.Dir, membersDir, base), files: files, inMemory: p.inMemory}
		if err := verifyAlone(member); err != nil {
			return err
		}
		if member.Digest != man.Members[name] {
			return hint.Errorf("get the package again, or join the models anew", "opening the model %s: the member %s is another model than the one that was packed", p.Dir, base)
		}
		if p.members == nil {
			p.members = map[string]*Package{}
		}
		p.members[name] = member
		p.Size += member.Size
	}
	return nil
}

// loadEnsemble opens the members of an ensemble, whose config.json is given.
func (p *Package) loadEnsemble(config []byte) (*Model, error) {
	c, labels, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	e := c.Xiaoyu.Ensemble
	if e == nil {
		return nil, fmt.Errorf("%s has no \"ensemble\" part", ConfigFile)
	}
	var members []*Model
	var weights []float64
	for _, member := range e.Members {
		packed, ok := p.members[member.Dir]
		if !ok {
			return nil, fmt.Errorf("%s names the member %q, which %s does not list", ConfigFile, member.Dir, ManifestFile)
		}
		m, err := load(packed)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", member.Dir, err)
		}
		members, weights = append(members, m), append(weights, member.Weight)
	}
	m, err := NewEnsemble(members, weights, e.Vote)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(m.Labels, labels) {
		return nil, fmt.Errorf("%s: the labels are not those of the members", ConfigFile)
	}
	if e.Stack != nil {
		if err := m.Stack(e.Stack); err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigFile, err)
		}
	}
	m.Package = p
	return m, nil
}
