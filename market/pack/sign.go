package pack

import "github.com/xiaoyu-slm/xiaoyu/market/sign"

// Signed is what a signature of a package speaks of: its files, under a name for people. A file's digest is that of its
// blob, so that nothing has to be read.
func Signed(name string, files []File) *sign.Manifest {
	m := &sign.Manifest{Model: name, Ignored: []string{}}
	for _, f := range files {
		d, err := sign.ParseDigest(f.Digest.Encoded())
		if err != nil {
			panic(err) // Parse and Folder let no other digests pass
		}
		m.Files = append(m.Files, sign.File{Name: f.Path, Digest: d})
	}
	m.Sort()
	return m
}
