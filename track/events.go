package track

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// eventWriter writes TensorBoard's event files: TFRecord frames
// (https://www.tensorflow.org/tutorials/load_data/tfrecord) that hold protocol buffers of the type Event
// (tensorboard/compat/proto/event.proto).
type eventWriter struct {
	file *os.File
	buf  *bufio.Writer
}

// newEventWriter starts a new file in dir. Records of earlier files from step purge on are void, if purge is not 0.
func newEventWriter(dir string, t time.Time, purge int) (*eventWriter, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	// The number behind the host keeps two files of one second apart, in the order in which they were written.
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", t.Unix(), host, os.Getpid(), t.Nanosecond())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	w := &eventWriter{f, bufio.NewWriter(f)}
	version := event(t, 0, appendBytes(nil, 3, []byte("brain.Event:2"))) // file_version
	if err := w.record(version); err != nil {
		return nil, err
	}
	if purge > 0 { // session_log with status START tells where a restarted run goes on
		if err := w.record(event(t, purge, appendBytes(nil, 7, appendVarint(nil, 1, 1)))); err != nil {
			return nil, err
		}
	}
	return w, w.flush()
}

// scalars writes one event with a value for each name.
func (w *eventWriter) scalars(t time.Time, step int, values map[string]float64) error {
	var summary []byte
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := appendBytes(nil, 1, []byte(name)) // tag
		v = append(v, 2<<3|5)                  // simple_value, 32 bits
		v = binary.LittleEndian.AppendUint32(v, math.Float32bits(float32(values[name])))
		summary = appendBytes(summary, 1, v)
	}
	return w.record(event(t, step, appendBytes(nil, 5, summary)))
}

// event encodes an Event with wall_time, step, and one further field.
func event(t time.Time, step int, field []byte) []byte {
	b := []byte{1<<3 | 1}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(t.UnixMicro())/1e6))
	b = appendVarint(b, 2, uint64(step))
	return append(b, field...)
}

func appendVarint(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(append(b, byte(field<<3)), v)
}

func appendBytes(b []byte, field int, data []byte) []byte {
	b = binary.AppendUvarint(append(b, byte(field<<3|2)), uint64(len(data)))
	return append(b, data...)
}

// record writes one frame: length, its checksum, data, its checksum.
func (w *eventWriter) record(data []byte) error {
	var head [12]byte
	binary.LittleEndian.PutUint64(head[:], uint64(len(data)))
	binary.LittleEndian.PutUint32(head[8:], maskedCRC(head[:8]))
	for _, part := range [][]byte{head[:], data, binary.LittleEndian.AppendUint32(nil, maskedCRC(data))} {
		if _, err := w.buf.Write(part); err != nil {
			return err
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum: CRC-32C, rotated and shifted so that checksums of checksums differ from data's.
func maskedCRC(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func (w *eventWriter) flush() error { return w.buf.Flush() }

func (w *eventWriter) close() error {
	if err := w.buf.Flush(); err != nil {
		w.file.Close()
		return err
	}
	return w.file.Close()
}
