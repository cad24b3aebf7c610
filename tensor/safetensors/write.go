package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
)

// Write writes tensors, in their order, and metadata. The same content gives the same bytes.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	var header bytes.Buffer
	header.WriteByte('{')
	if len(metadata) > 0 {
		data, err := json.Marshal(metadata) // sorted by name
		if err != nil {
			return fmt.Errorf("writing metadata: %w", err)
		}
		fmt.Fprintf(&header, `"__metadata__":%s`, data)
	}
	seen := map[string]bool{"__metadata__": true}
	at := 0
	for _, t := range tensors {
		want := sizes[t.DType]
		for _, d := range t.Shape {
			want *= d
		}
		if seen[t.Name] || sizes[t.DType] == 0 || want != len(t.Data) {
			return fmt.Errorf("writing tensor %q: %d bytes of %s for shape %v, or its name stands twice", t.Name, len(t.Data), t.DType, t.Shape)
		}
		seen[t.Name] = true
		if header.Len() > 1 {
			header.WriteByte(',')
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return fmt.Errorf("writing tensor %q: %w", t.Name, err)
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...))
		if err != nil {
			return fmt.Errorf("writing tensor %q: %w", t.Name, err)
		}
		fmt.Fprintf(&header, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, at, at+len(t.Data))
		at += len(t.Data)
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(header.Len())); err != nil {
		return err
	}
	if _, err := w.Write(header.Bytes()); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes a file as a whole: an older one stays until the new one is complete.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	w, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := Write(w, tensors, metadata); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return w.Commit()
}
