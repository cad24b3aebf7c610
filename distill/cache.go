package distill

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// cached is a teacher whose opinions are kept in a file.
//
// The file begins with a line that names its format and is followed by records, each appended as a whole: the first 16
// bytes of the SHA-256 of a query, the length of what follows, an opinion, and a checksum (CRC-32C) of all of that. A
// record that an interruption has torn ends the file and is cut off. Several processes may use one file: they append
// under a lock, and do not see what the others have added since they opened it.
type cached struct {
	Teacher
	path    string
	file    *os.File
	lock    *flock.Flock
	records map[key]place
	known   int // opinions that were there already when they were asked for
}

type (
	key   [16]byte
	place struct {
		offset int64 // of the opinion
		length int32
	}
)

const (
	cacheHeader = "xiaoyu opinions 1\n"
	recordHead  = len(key{}) + 4
	maxOpinion  = 64 << 20 // bytes; what claims to be longer is damaged
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Cached returns the teacher with a memory: what it has said of a text is kept in a file in dir, and not asked again.
func Cached(t Teacher, dir string) (Teacher, error) {
	c, err := openCache(t, dir)
	if err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "opening the memory of the teacher %s", t.About().Name)
	}
	return c, nil
}

func openCache(t Teacher, dir string) (*cached, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	digest := strings.TrimPrefix(t.About().Digest, "sha256:")
	c := &cached{Teacher: t, path: filepath.Join(dir, digest[:min(len(digest), 16)]+".cache"), records: map[key]place{}}
	c.lock = flock.New(c.path + ".lock")
	if err := c.lock.Lock(); err != nil {
		return nil, err
	}
	defer c.lock.Unlock()
	var err error
	if c.file, err = os.OpenFile(c.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := c.scan(); err != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	return c, nil
}

// scan finds the records of the file and cuts off what is none.
func (c *cached) scan() error {
	in := bufio.NewReaderSize(c.file, 1<<20)
	header := make([]byte, len(cacheHeader))
	if _, err := io.ReadFull(in, header); err != nil { // empty, or torn at its birth
		if err := c.file.Truncate(0); err != nil {
			return err
		}
		_, err := c.file.WriteAt([]byte(cacheHeader), 0)
		return err
	}
	if string(header) != cacheHeader {
		return fmt.Errorf("%s is no file of a teacher's opinions of this version", c.path)
	}
	end := int64(len(header))
	var record []byte
	for {
		if cap(record) < recordHead {
			record = make([]byte, recordHead)
		}
		record = record[:recordHead]
		if _, err := io.ReadFull(in, record); err != nil {
			break
		}
		n := int(binary.LittleEndian.Uint32(record[recordHead-4:]))
		if n > maxOpinion {
			break
		}
		record = append(record, make([]byte, n+4)...)
		if _, err := io.ReadFull(in, record[recordHead:]); err != nil {
			break
		}
		body := record[:recordHead+n]
		if binary.LittleEndian.Uint32(record[recordHead+n:]) != crc32.Checksum(body, castagnoli) {
			break
		}
		c.records[key(record)] = place{end + int64(recordHead), int32(n)}
		end += int64(len(record))
	}
	return c.file.Truncate(end)
}

// keyOf tells queries apart.
func keyOf(q model.Query) key {
	sum := sha256.Sum256([]byte(q.Text + "\x00" + q.Pair))
	return key(sum[:])
}

// Opinions answers from memory and asks for the rest, whose answers are on the disk when it returns.
func (c *cached) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	out := make([]data.Opinion, len(queries))
	var missing []int
	var asked []model.Query
	for i, q := range queries {
		at, ok := c.records[keyOf(q)]
		if !ok {
			missing, asked = append(missing, i), append(asked, q)
			continue
		}
		var err error
		if out[i], err = c.read(at); err != nil {
			return nil, hint.Wrap(err, "delete the file; the teacher is asked again", "reading what the teacher said, from %s", c.path)
		}
	}
	c.known += len(queries) - len(asked)
	if len(asked) == 0 {
		return out, nil
	}
	said, err := c.Teacher.Opinions(ctx, asked)
	// Of a service that fails in the middle, the first answers have come: what cost something is kept.
	if keepErr := c.keep(asked[:len(said)], said); keepErr != nil {
		err = errors.Join(err, hint.Wrap(keepErr, "free some space", "keeping what the teacher said, in %s", c.path))
	}
	if err != nil {
		return nil, err
	}
	for i, o := range said {
		out[missing[i]] = o
	}
	return out, nil
}

func (c *cached) read(at place) (data.Opinion, error) {
	content := make([]byte, at.length)
	if _, err := c.file.ReadAt(content, at.offset); err != nil {
		return data.Opinion{}, err
	}
	return decodeOpinion(content)
}

// keep appends opinions; the end of the file may have moved since it was opened.
func (c *cached) keep(queries []model.Query, said []data.Opinion) error {
	var content []byte
	offsets := make([]place, len(said))
	for i, o := range said {
		begin := len(content)
		k := keyOf(queries[i])
		content = append(content, k[:]...)
		content = append(content, 0, 0, 0, 0)
		content = appendOpinion(content, o)
		n := len(content) - begin - recordHead
		binary.LittleEndian.PutUint32(content[begin+recordHead-4:], uint32(n))
		offsets[i] = place{int64(begin + recordHead), int32(n)}
		content = binary.LittleEndian.AppendUint32(content, crc32.Checksum(content[begin:], castagnoli))
	}
	if len(content) == 0 {
		return nil
	}
	if err := c.lock.Lock(); err != nil {
		return err
	}
	defer c.lock.Unlock()
	end, err := c.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = c.file.Write(content)
	}
	if err == nil {
		err = c.file.Sync()
	}
	if err != nil {
		return errors.Join(err, c.file.Truncate(end))
	}
	for i, at := range offsets {
		at.offset += end
		c.records[keyOf(queries[i])] = at
	}
	return nil
}

func (c *cached) Close() error { return errors.Join(c.file.Close(), c.lock.Close(), c.Teacher.Close()) }

// Known returns how many of the opinions that were asked for had been known before, 0 for a teacher without memory.
func Known(t Teacher) (n int) {
	switch t := t.(type) {
	case *cached:
		return t.known
	case *averaged:
		for _, one := range t.teachers {
			n += Known(one)
		}
	}
	return n
}

// Time asks a teacher as if it had no memory, to see how long it takes.
func Time(ctx context.Context, t Teacher, queries []model.Query) error {
	switch t := t.(type) {
	case *cached:
		return Time(ctx, t.Teacher, queries)
	case *averaged:
		for _, one := range t.teachers {
			if err := Time(ctx, one, queries); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := t.Opinions(ctx, queries)
	return err
}

// appendOpinion writes the logits behind their number, then the places in the same way.
func appendOpinion(b []byte, o data.Opinion) []byte {
	b = binary.AppendUvarint(b, uint64(len(o.Logits)))
	for _, v := range o.Logits {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	b = binary.AppendUvarint(b, uint64(len(o.Places)))
	for _, p := range o.Places {
		b = binary.AppendUvarint(b, uint64(p.Start))
		b = binary.AppendUvarint(b, uint64(p.End))
	}
	return b
}

var errDamaged = errors.New("an opinion is damaged")

// decodeOpinion is the inverse of appendOpinion.
func decodeOpinion(b []byte) (o data.Opinion, err error) {
	count := func() int {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > maxOpinion {
			err = errDamaged
			return 0
		}
		b = b[size:]
		return int(n)
	}
	n := count()
	if len(b) < 4*n {
		return data.Opinion{}, errDamaged
	}
	for i := range n {
		o.Logits = append(o.Logits, math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	b = b[4*n:]
	n = count()
	if 2*n > len(b) {
		return data.Opinion{}, errDamaged
	}
	for range n {
		start := count()
		o.Places = append(o.Places, text.Span{Start: start, End: count()})
	}
	if err != nil || len(b) > 0 {
		return data.Opinion{}, errDamaged
	}
	return o, nil
}
