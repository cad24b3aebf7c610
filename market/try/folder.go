package try

import (
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const (
	folderPrefix = "xiaoyu-try-"
	lockName     = "lock"
	// settled is how long ago a folder must have been made for one that is not locked to be nobody's: its maker has locked it
	// by then.
	settled = time.Minute
)

// folder is where the files of a model lie while it may be asked. Its lock is held as long as that; the system gives it back
// when a market is killed, so that the next one knows what was left.
type folder struct {
	path string
	lock *flock.Flock
}

// files is the folder that the model sees.
func (f *folder) files() string { return filepath.Join(f.path, "files") }

func newFolder() (*folder, error) {
	path, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return nil, hint.Wrap(err, "make room in the folder for temporary files", "trying a model")
	}
	f := &folder{path, flock.New(filepath.Join(path, lockName))}
	_, err = f.lock.TryLock()
	if err == nil {
		err = os.Mkdir(f.files(), 0o755)
	}
	if err != nil {
		f.remove()
		return nil, hint.Wrap(err, "make room in the folder for temporary files, or name another in TMPDIR", "trying a model")
	}
	return f, nil
}

func (f *folder) remove() {
	f.lock.Close() // first: Windows removes no open file
	os.RemoveAll(f.path)
}

// sweep removes the folders of markets that were killed. What it cannot remove it leaves. It makes no file: others may have
// put a folder there whose lock leads elsewhere.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, path := range left {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < settled {
			continue
		}
		f := &folder{path, flock.New(filepath.Join(path, lockName), flock.SetFlag(os.O_RDONLY))}
		if ok, err := f.lock.TryLock(); ok && err == nil {
			f.remove()
		}
	}
}
