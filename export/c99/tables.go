package c99

import (
	"fmt"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/export/plan"
)

// number is what a table holds.
type number interface {
	~int8 | ~uint8 | ~uint16 | ~int32 | ~uint32 | ~float32
}

// kindOf returns the type of a table's numbers in C, and their bytes.
func kindOf[T number](list []T) (name string, size int) {
	switch any(list).(type) {
	case []int8:
		return "int8_t", 1
	case []uint8:
		return "uint8_t", 1
	case []uint16:
		return "uint16_t", 2
	case []uint32:
		return "uint32_t", 4
	case []float32:
		return "float", 4
	}
	return "int32_t", 4
}

// table writes constants. C has no empty tables: one that is empty has a zero that nothing reads.
func table[T number](w *writer, name string, list []T) {
	kind, size := kindOf(list)
	if len(list) == 0 {
		list = make([]T, 1)
	}
	w.cost.Flash += size * len(list)
	line := append([]byte(nil), fmt.Sprintf("static const %s %s[%d] = {", kind, name, len(list))...)
	for i, v := range list {
		if i%24 == 0 {
			line = append(line, "\n    "...)
		}
		switch kind {
		case "float":
			line = appendFloat(line, float32(v))
		case "uint32_t":
			line = append(strconv.AppendUint(line, uint64(v), 10), 'u')
		default:
			line = strconv.AppendInt(line, int64(v), 10)
		}
		line = append(line, ',')
	}
	w.b.Write(append(line, "\n};\n"...))
}

// appendFloat appends a float as C reads it back to the bit.
func appendFloat(dst []byte, v float32) []byte {
	from := len(dst)
	dst = strconv.AppendFloat(dst, float64(v), 'g', -1, 32)
	for _, c := range dst[from:] {
		if c == '.' || c == 'e' {
			return append(dst, 'f')
		}
	}
	return append(dst, ".0f"...)
}

func float(v float32) string { return string(appendFloat(nil, v)) }

func (w *writer) words(name string, list plan.Words) {
	table(w, name+"_bytes", list.Bytes)
	table(w, name+"_at", list.At)
	w.printf("static const words %s = {%s_bytes, %s_at, %d};\n", name, name, name, list.Len())
}

func (w *writer) ranges(name string, list [][2]uint32) {
	var flat []uint32
	for _, r := range list {
		flat = append(flat, r[0], r[1])
	}
	table(w, name+"_list", flat)
	w.printf("static const ranges %s = {%s_list, %d};\n", name, name, len(list))
}

func (w *writer) mapping(name string, m *plan.Mapping) {
	var shifts []int32
	for _, s := range m.Shifts {
		shifts = append(shifts, s[:]...)
	}
	var dropped []uint32
	for _, r := range m.Dropped {
		dropped = append(dropped, r[0], r[1])
	}
	table(w, name+"_shifts", shifts)
	table(w, name+"_dropped", dropped)
	table(w, name+"_characters", m.Characters)
	table(w, name+"_bytes", m.Texts.Bytes)
	table(w, name+"_at", m.Texts.At)
	w.printf("static const mapping %s = {%s_shifts, %d, {%s_dropped, %d}, %s_characters, {%s_bytes, %s_at, %d}};\n",
		name, name, len(m.Shifts), name, len(m.Dropped), name, name, name, m.Texts.Len())
}

// matrix writes a weight. name is what C calls it.
func (w *writer) matrix(name string, m *plan.Matrix) {
	w.printf("static const matrix %s = %s;\n", name, w.matrixValue(name, m))
}

// matrixValue writes the tables of a weight and returns what makes a matrix of them.
func (w *writer) matrixValue(name string, m *plan.Matrix) string {
	scales := "0"
	if m.Whole != nil {
		table(w, name+"_w", m.Whole)
		table(w, name+"_scales", m.Scales)
		scales = name + "_scales"
	} else {
		table(w, name+"_w", m.Floats)
	}
	return fmt.Sprintf("{%s_w, %s, %d, %d}", name, scales, m.Rows, m.Columns)
}

// memory notes static memory.
func (w *writer) memory(bytes int) { w.cost.RAM += bytes }
