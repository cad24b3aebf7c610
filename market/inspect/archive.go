package inspect

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// Bounds of archives.
const (
	mostEntries   = 100_000  // in all archives of a file
	mostDirectory = 32 << 20 // bytes of a zip file's list
	mostNested    = 16 << 20 // bytes of an archive that lies compressed in another
	portion       = 8 << 20  // bytes of a compressed file that are unpacked to see how it grows
	entryHead     = 2 << 10  // bytes of an entry that are unpacked to see what it is
	mostGrowth    = 200      // times that content may be larger than its archive
	smallGrowth   = 16 << 20 // bytes up to which that does not matter
	window        = 32 << 20 // bytes that a zstd stream may have its reader keep
)

const unpackWay = "publish the files themselves, or as .zip, .tar.gz or .jsonl.zst"

var errBomb = errors.New("more than its size allows")

// closedArchives are forms of archives that are not read here.
var closedArchives = []struct{ magic, name string }{{"\xfd7zXZ\x00", "xz"}, {"7z\xbc\xaf\x27\x1c", "7z"}, {"Rar!\x1a\x07", "RAR"}, {"\x04\x22\x4d\x18", "LZ4"}, {"MSCF\x00\x00\x00\x00", "cabinet"}, {"\x5d\x00\x00\x80\x00\xff\xff", "LZMA"}, {"LZIP", "lzip"}, {"xar!", "xar"}}

// archive looks into a file that has others in it, or is compressed; handled is false for one that is neither.
func (l *look) archive(s *source, head []byte, name string, depth int) (handled bool, err error) {
	for _, c := range closedArchives {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			l.say(Refused, "archive", unpackWay, "%s is a %s archive, which is not looked into here", path.Base(name), c.name)
			return true, nil
		}
	}
	if isZip(s, head) {
		l.zipped(s, name, depth)
		return true, nil
	}
	if isTar(head) {
		l.tarred(s.stream(), name, depth)
		return true, nil
	}
	if form := compression(head); form != "" {
		l.stream(s.stream(), form, s.size, name, depth)
		return true, nil
	}
	return false, nil
}

func isTar(head []byte) bool { return len(head) >= 512 && string(head[257:262]) == "ustar" }

// isZip knows a zip file by its beginning, or by its end where something stands before it.
func isZip(s *source, head []byte) bool {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return true
	}
	var end [22]byte
	if s.size < int64(len(end)) {
		return false
	}
	if _, err := s.ReadAt(end[:], s.size-int64(len(end))); err != nil {
		return false
	}
	return string(end[:6]) == "PK\x05\x06\x00\x00" && end[20] == 0 && end[21] == 0 && binary.LittleEndian.Uint16(end[10:]) > 0
}

// zipped looks into a zip file.
func (l *look) zipped(s *source, name string, depth int) {
	if depth >= deepest {
		l.say(Refused, "archive", unpackWay, "archives within archives within archives")
		return
	}
	if n := directorySize(s); n > mostDirectory {
		l.say(Refused, "archive", unpackWay, "the list of what is in %s has %s, more than %s", path.Base(name), size.Bytes(n), size.Bytes(mostDirectory))
		return
	}
	z, err := zip.NewReader(s, s.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		l.say(Refused, "archive", "pack it again", "a broken zip file: %v", err)
		return
	}
	var packed, plain uint64
	jar := false
	for _, f := range z.File {
		if l.entries++; l.entries > mostEntries {
			l.say(Refused, "archive", unpackWay, "more than %d files in archives", mostEntries)
			return
		}
		packed, plain = packed+f.CompressedSize64, plain+f.UncompressedSize64
		jar = jar || f.Name == "META-INF/MANIFEST.MF" || strings.HasSuffix(f.Name, ".class")
		if !l.entry(f.Name, f.Mode()) {
			continue
		}
		if f.Flags&1 != 0 {
			l.say(Refused, "archive", "pack it without a password", "%s in it is encrypted", short(f.Name))
			continue
		}
		l.unzip(f, depth)
	}
	switch {
	case jar:
		l.say(Refused, "program", "take it out: packages hold weights, data and descriptions, nothing that runs", "a Java archive")
	case packed > uint64(s.size):
		l.say(Refused, "archive", unpackWay, "a zip file whose entries lie over each other, as in a bomb")
	case plain > smallGrowth && plain/mostGrowth > packed:
		l.say(Refused, "archive", unpackWay, "a zip file of %s that unpacks to %s", size.Bytes(s.size), size.Bytes(int64(min(plain, 1<<62))))
	}
}

// unzip looks at the beginning of an entry, and into it where it is an archive.
func (l *look) unzip(f *zip.File, depth int) {
	if f.Mode().IsDir() {
		return
	}
	r, err := f.Open()
	if err != nil {
		l.say(Refused, "archive", "pack it again", "%s in it cannot be unpacked: %v", short(f.Name), err)
		return
	}
	defer r.Close()
	l.inner(r, f.Name, depth+1)
}

// directorySize is how long the list of a zip file says that it is, in bytes; 0 where it has none.
func directorySize(s *source) int64 {
	tail := make([]byte, min(s.size, 22+1<<16))
	at := s.size - int64(len(tail))
	if _, err := s.ReadAt(tail, at); err != nil {
		return 0
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < 22 {
		return 0
	}
	if n := binary.LittleEndian.Uint32(tail[i+12:]); n != 1<<32-1 {
		return int64(n)
	}
	var locator [20]byte
	var record [56]byte
	if _, err := s.ReadAt(locator[:], at+int64(i)-20); err != nil || string(locator[:4]) != "PK\x06\x07" {
		return 0
	}
	if _, err := s.ReadAt(record[:], int64(min(binary.LittleEndian.Uint64(locator[8:]), 1<<62))); err != nil {
		return 0
	}
	return int64(min(binary.LittleEndian.Uint64(record[40:]), 1<<62))
}

// entry checks the name and the kind of an archive's entry.
func (l *look) entry(name string, mode fs.FileMode) bool {
	const way = "pack a folder with plain files in it"
	clean := strings.ReplaceAll(name, `\`, "/")
	drive := len(clean) > 1 && clean[1] == ':'
	switch {
	case strings.ContainsRune(name, 0) || path.IsAbs(clean) || drive || clean == ".." || strings.HasPrefix(path.Clean(clean), "../") || strings.Contains(clean, "/../"):
		l.say(Refused, "archive", way, "an entry that leaves the folder which it is unpacked in: %s", short(name))
		return false
	case mode&(fs.ModeSymlink|fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket|fs.ModeIrregular) != 0:
		l.say(Refused, "archive", way, "an entry that is a link or a device: %s", short(name))
		return false
	}
	return true
}

// short is a stranger's name as it may be shown.
func short(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u202e' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if r := []rune(name); len(r) > 80 {
		name = string(r[:79]) + "…"
	}
	return name
}

// tarred looks into a tar file.
func (l *look) tarred(r io.Reader, name string, depth int) {
	if depth >= deepest {
		l.say(Refused, "archive", unpackWay, "archives within archives within archives")
		return
	}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			if errors.Is(err, errBomb) {
				l.say(Refused, "archive", unpackWay, "%s unpacks to more than can be looked into", path.Base(name))
			} else {
				l.say(Refused, "archive", "pack it again", "a broken tar file: %v", err)
			}
			return
		}
		if l.entries++; l.entries > mostEntries {
			l.say(Refused, "archive", unpackWay, "more than %d files in archives", mostEntries)
			return
		}
		mode := h.FileInfo().Mode()
		if h.Typeflag == tar.TypeLink {
			mode |= fs.ModeIrregular
		}
		if l.entry(h.Name, mode) && mode.IsRegular() {
			l.inner(t, h.Name, depth+1)
		}
	}
}

// compression names how something is compressed; "" for not at all.
func compression(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x1f\x8b\x08")):
		return "gzip"
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		return "zstd"
	case bytes.HasPrefix(b, []byte("BZh")) && len(b) > 10 && string(b[4:10]) == "1AY&SY":
		return "bzip2"
	}
	return ""
}

// opener unpacks a stream.
func opener(form string, r io.Reader) (io.ReadCloser, error) {
	switch form {
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(bzip2.NewReader(r)), nil
}

// metered gives out so many bytes of a stream, then fails.
type metered struct {
	r    io.Reader
	left int64
	read int64
}

func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errBomb
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left, m.read = m.left-int64(n), m.read+int64(n)
	return n, err
}

// stream looks into what is compressed. packed is its size, -1 where it is not known.
func (l *look) stream(r io.Reader, form string, packed int64, name string, depth int) {
	if depth >= deepest {
		l.say(Refused, "archive", unpackWay, "archives within archives within archives")
		return
	}
	consumed := &metered{r: r, left: 1 << 62}
	plain, err := opener(form, consumed)
	if err != nil {
		l.say(Refused, "archive", "pack it again", "a broken %s file: %v", form, err)
		return
	}
	defer plain.Close()
	m := &metered{r: plain, left: max(*l.unpacked, headLength)}
	inner := bufio.NewReaderSize(m, headLength)
	head, err := inner.Peek(headLength)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errBomb) {
		l.say(Refused, "archive", "pack it again", "a broken %s file: %v", form, err)
		return
	}
	if !isTar(head) { // of which every entry is looked at
		m.left = min(m.left, portion)
	}
	l.inner(inner, strings.TrimSuffix(name, path.Ext(name)), depth+1)
	_, err = io.Copy(io.Discard, inner)
	*l.unpacked -= m.read
	switch {
	case m.read > smallGrowth/4 && m.read/mostGrowth > consumed.read:
		l.say(Refused, "archive", unpackWay, "a %s file that unpacks to more than %d times its size", form, mostGrowth)
	case err != nil && !errors.Is(err, errBomb):
		l.say(Refused, "archive", "pack it again", "a broken %s file: %v", form, err)
	}
}

// inner looks at what lies in an archive, from its beginning on.
func (l *look) inner(r io.Reader, name string, depth int) {
	b := bufio.NewReaderSize(r, headLength)
	head, err := b.Peek(entryHead)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errBomb) {
		l.say(Refused, "archive", "pack it again", "%s in it cannot be unpacked: %v", short(name), err)
		return
	}
	if what := program(head, name); what != "" {
		l.say(Refused, "program", "take it out: packages hold weights, data and descriptions, nothing that runs", "%s in it is %s", short(name), what)
		return
	}
	if what := pickled(head, -1, name); what != "" {
		l.say(Refused, "pickle", "save weights as safetensors and data as JSON lines, CSV or Parquet: reading a pickle runs what its writer wants", "%s in it is %s", short(name), what)
		return
	}
	for _, c := range closedArchives {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			l.say(Refused, "archive", unpackWay, "%s in it is a %s archive, which is not looked into here", short(name), c.name)
			return
		}
	}
	switch form := compression(head); {
	case isTar(head):
		l.tarred(b, name, depth)
	case form != "":
		l.stream(b, form, -1, name, depth)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		l.nested(b, name, depth)
	}
}

// nested looks into a zip file that lies in another archive, which has to be unpacked for that.
func (l *look) nested(r io.Reader, name string, depth int) {
	most := min(mostNested, *l.unpacked)
	content, err := io.ReadAll(io.LimitReader(r, most+1))
	*l.unpacked -= int64(len(content))
	if int64(len(content)) > most {
		l.say(Refused, "archive", unpackWay, "%s in it is an archive that is too large to look into", short(name))
		return
	}
	if err != nil {
		l.say(Refused, "archive", "pack it again", "%s in it cannot be unpacked: %v", short(name), err)
		return
	}
	s := &source{ctx: l.ctx, file: memory{bytes.NewReader(content)}, size: int64(len(content))}
	l.zipped(s, name, depth)
}

// memory is a file in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// zlibStream knows the two bytes that zlib's streams begin with (RFC 1950).
func zlibStream(b []byte) bool {
	return len(b) > 6 && b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}

// inflate unpacks the beginning of a zlib stream.
func inflate(b []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	head, _ := io.ReadAll(io.LimitReader(r, entryHead)) // what could be read before it broke
	return head
}
