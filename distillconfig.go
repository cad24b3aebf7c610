package xiaoyu

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// DistillConfig returns the configuration of a student of a family ("" for cnn) that learns from the package in dir, on the
// data that the package was trained on: of an ensemble of packages, on that of its first member that tells. The data must
// lie where it lay, unchanged.
func DistillConfig(dir, family string) (*Config, error) {
	if family == "" {
		family = "cnn"
	}
	c, err := Preset(family)
	if err != nil {
		return nil, err
	}
	const way = "pass --data FILE, with --text and --label"
	if _, err := os.Stat(filepath.Join(dir, model.ConfigFile)); err != nil {
		return nil, hint.Errorf(way, "learning from %s: no file of examples is named, and only a package here tells which it was trained on", dir)
	}
	origin := dataOf(dir)
	if origin == nil {
		return nil, hint.Errorf(way, "learning from %s: no file of examples is named, and its %s names none", dir, model.LineageFile)
	}
	c.Task, c.Data, c.Distill.Texts, c.Distill.Column, c.Runs = origin.Config.Task, origin.Config.Data, origin.Config.Distill.Texts, origin.Config.Distill.Column, origin.Config.Runs
	c.Name = origin.Config.Name + "-student"
	c.Data.Split.Fold, c.Data.Split.Folds = 0, 0
	found := ""
	for _, path := range []string{c.Data.Path, c.Data.Valid, c.Data.Test} {
		if path == "" {
			continue
		}
		digest, err := data.DigestFile(path)
		if err != nil {
			return nil, hint.Wrap(err, way, "learning from %s: the data that it was trained on", dir)
		}
		found += digest + " "
	}
	if want, ok := origin.Data[filepath.Base(c.Data.Path)]; ok && found != want+" " {
		return nil, hint.Errorf(way, "learning from %s: %s is not the file that it was trained on, the digests differ", dir, c.Data.Path)
	}
	return c, nil
}

// dataOf returns the lineage of a package that names data: its own, or that of a member; nil for none.
func dataOf(dir string) *lineage {
	members, _ := filepath.Glob(filepath.Join(dir, "members", "*"))
	slices.Sort(members)
	for _, at := range append([]string{dir}, members...) {
		if origin, err := readLineage(at); err == nil && origin.Config.Data.Path != "" {
			return origin
		}
	}
	return nil
}
