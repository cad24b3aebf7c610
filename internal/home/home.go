// Package home says where a user's own things lie: caches, credentials. $XIAOYU_HOME, or .xiaoyu in the home folder.
package home

import (
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Dir returns the folder, which may not exist yet.
func Dir() (string, error) {
	if dir := os.Getenv("XIAOYU_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", hint.Wrap(err, "set XIAOYU_HOME", "looking for the home folder")
	}
	return filepath.Join(dir, ".xiaoyu"), nil
}
