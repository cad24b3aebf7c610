package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// manifest lists the files of a package.
type manifest struct {
	Format  int                     `json:"format"`
	Files   map[string]manifestFile `json:"files"`
	Members map[string]string       `json:"members,omitempty"` // of an ensemble: folder → digest of the package in it
}

// foldersFormat is the version since which files may lie in folders.
const foldersFormat = 3

func (m *manifest) marshal() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

type manifestFile struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func writeManifest(dir string, members map[string]string) error {
	man := manifest{Format: 1, Files: map[string]manifestFile{}, Members: members}
	if members != nil {
		man.Format = ensembleFormat
	}
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if members != nil && name != "." {
				return filepath.SkipDir // of members, which have manifests of their own
			}
			return nil
		}
		size, sum, err := digestFile(files, name)
		if strings.Contains(name, "/") {
			man.Format = foldersFormat
		}
		man.Files[name] = manifestFile{size, sum}
		return err
	})
	if err != nil {
		return err
	}
	data, err := man.marshal()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ManifestFile), append(data, '\n'), 0o644)
}

// digestOf is the digest of a package with this manifest.
func digestOf(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func digestFile(files fs.FS, name string) (size int64, sum string, err error) {
	f, err := files.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, "", fmt.Errorf("reading %s: %w", name, err)
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

// verify checks every file of the package in a folder against its manifest, and those of an ensemble's members against
// theirs.
func verify(dir string) (*Package, error) {
	const opening = "opening the model %s"
	info, err := os.Stat(dir)
	if err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check the path; `xiaoyu train` prints where it put the model", opening, dir)
	}
	if !info.IsDir() {
		return nil, hint.Errorf("name the folder that holds "+ConfigFile, opening+": it is a file, not a folder", dir)
	}
	return verifyIn(&Package{Dir: dir, files: os.DirFS(dir)})
}

func verifyIn(p *Package) (*Package, error) {
	man, err := p.verifyFiles()
	if err == nil {
		err = p.verifyMembers(man)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// verifyAlone is verify for what must be no ensemble.
func verifyAlone(p *Package) error {
	man, err := p.verifyFiles()
	if err == nil && len(man.Members) > 0 {
		err = hint.Errorf("name its members instead", "opening the model %s: a member that is an ensemble itself", p.Dir)
	}
	return err
}

// repair is what to do about a package that is not what it was.
const repair = "get the package again, or train the model anew"

// readManifest reads what the files of p are, compares them with it but for what the card says, and sets size and digest.
func (p *Package) readManifest() (*manifest, error) {
	dir := p.Dir
	data, err := readSmall(p.files, ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		_, weights := fs.Stat(p.files, WeightsFile)
		if _, err := fs.Stat(p.files, ConfigFile); weights == nil && err != nil {
			return nil, hint.Errorf("put both beside it, or take the model as one of the architectures of `xiaoyu import --help`", "opening the model %s: it has %s, and no %s that tells what network the weights are of, nor a manifest of ours", dir, WeightsFile, ConfigFile)
		}
		return nil, hint.Errorf("name the folder that `xiaoyu train` or `xiaoyu quickstart` wrote", "opening the model %s: the folder has no %s, so it is no model package", dir, ManifestFile)
	}
	var man manifest
	if err == nil {
		err = json.Unmarshal(data, &man)
	}
	if err != nil {
		return nil, hint.Wrap(err, repair, "opening the model %s: reading %s", dir, ManifestFile)
	}
	if man.Format > Format {
		return nil, hint.Wrap(ErrNewer, "upgrade xiaoyu", "opening the model %s: format %d, this version reads up to %d", dir, man.Format, Format)
	}
	p.Size, p.Digest = int64(len(data)), digestOf(data)
	for _, name := range slices.Sorted(maps.Keys(man.Files)) {
		want := man.Files[name]
		if strings.Contains(name, `\`) || !filepath.IsLocal(name) || man.Format < foldersFormat && strings.Contains(name, "/") {
			return nil, hint.Errorf("do not use this package", "opening the model %s: %s names %q, which is outside the package", dir, ManifestFile, name)
		}
		size, sum, err := digestFile(p.files, name)
		if err != nil {
			return nil, hint.Wrap(err, repair, "opening the model %s", dir)
		}
		// People write in a card: a licence, say, before they publish. Nothing is computed from it.
		if name != CardFile && (size != want.Size || sum != want.SHA256) {
			return nil, hint.Errorf(repair, "opening the model %s: %s is not the file that was packed (%d bytes, expected %d; the digests differ)", dir, name, size, want.Size)
		}
		p.Size += size
	}
	return &man, nil
}

// CheckFiles compares the files of a folder that SaveFiles wrote with their digests. A folder whose manifest is gone is
// taken as it is.
func CheckFiles(dir string) error {
	p := &Package{Dir: dir, files: os.DirFS(dir), export: true}
	if _, err := fs.Stat(p.files, ManifestFile); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := p.readManifest()
	return err
}

// verifyFiles checks the files of p and that it is a package, and sets its size and digest.
func (p *Package) verifyFiles() (*manifest, error) {
	man, err := p.readManifest()
	if err != nil {
		return nil, err
	}
	dir := p.Dir
	if _, ok := man.Files[OutsideFile]; ok && !p.export {
		return nil, hint.Errorf("name the package that it was made from, or use it with `xiaoyu predict`, `xiaoyu eval` or `xiaoyu serve`", "opening the model %s: the folder holds an export, which has no weights of its own", dir)
	}
	needed := []string{ConfigFile, p.weightsFile(), TokenizerFile}
	if _, p.packedTokenizer = man.Files[packedTokenizer]; p.packedTokenizer {
		needed[2] = packedTokenizer
	}
	if len(man.Members) > 0 {
		needed = needed[:1]
	}
	for _, name := range needed {
		if _, ok := man.Files[name]; !ok {
			return nil, hint.Errorf(repair, "opening the model %s: %s does not list %s", dir, ManifestFile, name)
		}
	}
	return man, nil
}

// readSmall reads a file of JSON, refusing one that is too large to be one of ours.
func readSmall(files fs.FS, name string) ([]byte, error) {
	const limit = 64 << 20
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", name, info.Size(), limit)
	}
	return fs.ReadFile(files, name)
}
