package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// journal is the output and, beside it, what was fetched. Both are appended to and synced line by line: first the
// document, then the visit. A line that an interruption left unfinished is dropped when the files are opened again.
type journal struct {
	out, state *os.File
	visits     map[string]visit  // by address
	known      map[string]uint64 // digests of the texts of documents by their keys
}

// visit is a line of the journal.
type visit struct {
	URL      string `json:"url"`
	Status   int    `json:"status"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	At       string `json:"at"`
	Feed     bool   `json:"feed,omitempty"`
	Reason   string `json:"reason,omitempty"` // why it brought nothing
}

func openJournal(path string) (*journal, error) {
	j := &journal{visits: map[string]visit{}, known: map[string]uint64{}}
	var err error
	j.out, err = openLines(path, func(line []byte) error {
		var d Document
		if err := json.Unmarshal(line, &d); err != nil || d.URL == "" || d.From == "" {
			return errors.New("it is no output of `xiaoyu data fetch`")
		}
		j.known[d.key()] = digest(d.Text)
		return nil
	})
	if err == nil {
		j.state, err = openLines(path+".state", func(line []byte) error {
			var v visit
			if err := json.Unmarshal(line, &v); err != nil {
				return fmt.Errorf("the journal is damaged: %w", err)
			}
			j.visits[v.URL] = v
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// openLines opens a file for appending, hands its lines out, and cuts off an unfinished last one.
func openLines(path string, each func(line []byte) error) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	whole := int64(0)
	in := bufio.NewReaderSize(f, 256<<10)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			if len(line) == 0 || bytes.HasPrefix(line, []byte(`{"url":`)) && !json.Valid(line) {
				break
			}
			f.Close()
			return nil, fmt.Errorf("%s: line %d has no end, and it is none of `xiaoyu data fetch`", path, n)
		}
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			err = each(line)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		whole += int64(len(line))
	}
	if err := f.Truncate(whole); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.Seek(whole, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// digest tells texts apart.
func digest(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

func appendLine(f *os.File, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		return err
	}
	return f.Sync()
}

func (j *journal) write(d *Document) error {
	j.known[d.key()] = digest(d.Text)
	return appendLine(j.out, d)
}

func (j *journal) visited(v visit) error {
	j.visits[v.URL] = v
	return appendLine(j.state, v)
}

func (j *journal) close() error {
	var errs []error
	for _, f := range []**os.File{&j.out, &j.state} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	return errors.Join(errs...)
}
