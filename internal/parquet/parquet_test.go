package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func written(t testing.TB, rows [][]Cell, fields ...Field) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, fields...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Write(r...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// dump reads all columns and writes a row as its values with commas between, columns with bars.
func dump(content []byte) (rows []string, err error) {
	f, err := Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	var all []int
	for i := range f.Columns {
		all = append(all, i)
	}
	for s := f.Scan(all...); ; {
		row, err := s.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		var columns []string
		for _, values := range row {
			var texts []string
			for _, v := range values {
				if v.Null {
					v.Text = "∅"
				}
				texts = append(texts, v.Text)
			}
			columns = append(columns, strings.Join(texts, ","))
		}
		rows = append(rows, strings.Join(columns, "|"))
		if len(rows) > 1<<20 {
			return rows, fmt.Errorf("more rows than a test can have")
		}
	}
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	fields := []Field{{Name: "text"}, {Name: "label"}, {Name: "entities", Spans: true}}
	rows := [][]Cell{
		{{Text: "小明在北京"}, {Text: "x"}, {Spans: []Span{{0, 2, "PER"}, {3, 5, "LOC"}}}},
		{{Text: ""}, {Null: true}, {}},
		{{Text: "a\x00b"}, {Text: ""}, {Spans: []Span{{0, 1, "X"}}}},
	}
	got, err := dump(written(t, rows, fields...))
	if want := "小明在北京|x|0,3|2,5|PER,LOC / |∅|∅|∅|∅ / a\x00b||0|1|X"; err != nil || strings.Join(got, " / ") != want {
		t.Errorf("got %q, want %q (%v)", strings.Join(got, " / "), want, err)
	}
	f, err := Open(bytes.NewReader(written(t, rows, fields...)), int64(len(written(t, rows, fields...))))
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(f.Names(), " "); names != "text label entities.start entities.end entities.label" || f.Rows != 3 || f.Find("entities.list.element.end") != 3 || f.Find("x") != -1 {
		t.Errorf("columns %s, %d rows", names, f.Rows)
	}
	if got, err := dump(written(t, nil, fields...)); err != nil || len(got) != 0 {
		t.Errorf("a file without rows: %q, %v", got, err)
	}
}

func TestManyRowGroupsReadBack(t *testing.T) {
	var rows [][]Cell
	for i := range groupRows + 1000 {
		c := []Cell{{Text: fmt.Sprint("text ", i)}, {Spans: []Span{{i, i + 1, "X"}}}}
		if i%3 == 0 {
			c[0], c[1] = Cell{Null: true}, Cell{}
		}
		rows = append(rows, c)
	}
	got, err := dump(written(t, rows, Field{Name: "text"}, Field{Name: "spans", Spans: true}))
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d rows of %d: %v", len(got), len(rows), err)
	}
	for i, want := range map[int]string{0: "∅|∅|∅|∅", 1: "text 1|1|2|X", groupRows: fmt.Sprintf("text %d|%d|%d|X", groupRows, groupRows, groupRows+1)} {
		if got[i] != want {
			t.Errorf("row %d is %q, want %q", i, got[i], want)
		}
	}
}

func TestDamagedFilesEndInAnErrorAndTakeNoMemory(t *testing.T) {
	whole := written(t, [][]Cell{{{Text: strings.Repeat("很好", 500)}, {Spans: []Span{{0, 2, "X"}}}}, {{Text: "b"}, {}}}, Field{Name: "text"}, Field{Name: "s", Spans: true})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused := 0
	for i := range whole {
		for _, b := range []byte{0, 0x7f, 0xff, whole[i] ^ 1} {
			broken := bytes.Clone(whole)
			broken[i] = b
			if _, err := dump(broken); err != nil {
				refused++
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("byte %d: %q", i, err)
				}
			}
		}
		if _, err := dump(whole[:i]); err == nil {
			t.Errorf("the first %d bytes are accepted", i)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(5*len(whole)); refused == 0 || each > 16<<20 {
		t.Errorf("%d of %d were refused, with %d bytes each", refused, 4*len(whole), each)
	}
	lying := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(lying[len(lying)-8:], 0xffffffff)
	if _, err := dump(lying); err == nil || !strings.Contains(err.Error(), "4294967295 bytes") {
		t.Errorf("metadata beyond the file: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	all := func(v values, err error) string {
		if err != nil {
			return err.Error()
		}
		var list []string
		for range 40 {
			s, err := v.next()
			if err != nil {
				break
			}
			list = append(list, s)
		}
		return strings.Join(list, " ")
	}
	text, number := &kind{physical: byteArray}, &kind{physical: int32Type}
	delta := func(in ...byte) values {
		d, err := newDelta(in)
		if err != nil {
			t.Fatal(err)
		}
		return &deltaIntegers{number, d}
	}
	// The examples of the format's page: 1 to 5, and 7 5 3 1 2 3 4 5 in blocks of 128 with 4 miniblocks.
	if got := all(delta(128, 1, 4, 5, 2, 2, 0, 0, 0, 0), nil); got != "1 2 3 4 5" {
		t.Errorf("steady numbers: %s", got)
	}
	if got := all(delta(128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0), nil); got != "7 5 3 1 2 3 4 5" {
		t.Errorf("varying numbers: %s", got)
	}
	lengths := []byte{128, 1, 4, 3, 10, 3, 2, 0, 0, 0, 0x0c, 0, 0, 0, 0, 0, 0, 0} // 5, 3 and 4
	if got := all(newDeltaTexts(text, append(bytes.Clone(lengths), "HelloWorABCD"...), false)); got != "Hello Wor ABCD" {
		t.Errorf("lengths: %s", got)
	}
	if got := all(newSplit(&kind{physical: float}, []byte{0, 0, 0, 0, 0x80, 0, 0x3f, 0x40})); got != "1 2" {
		t.Errorf("split: %s", got)
	}
	if got := all(newIndexed([]string{"a", "b"}, []byte{1, 3, 0b10, 8, 1})); got != "a b a a a a a a b b b b" {
		t.Errorf("dictionary: %s", got)
	}
	if got := all(newIndexed([]string{"a"}, []byte{33, 1})); got != "indices of 33 bits" {
		t.Errorf("wide indices: %s", got)
	}
	if _, err := newDelta([]byte{128, 1, 0, 5, 2}); err == nil {
		t.Error("a block without miniblocks is accepted")
	}
}

func TestValuesAsText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{(&kind{logical: date}).integer(17941), "2019-02-14"},
		{(&kind{logical: date}).integer(-1), "1969-12-31"},
		{(&kind{logical: timestamp, unit: 1e6}).integer(1550167200123), "2019-02-14T18:00:00.123"},
		{(&kind{logical: timestamp, unit: 1e3, utc: true}).integer(-1), "1969-12-31T23:59:59.999999Z"},
		{(&kind{logical: timeOfDay, unit: 1e6}).integer(43200000), "12:00:00"},
		{(&kind{logical: decimal, scale: 2}).integer(-5), "-0.05"},
		{(&kind{logical: decimal, scale: 1, physical: byteArray}).bytes([]byte{0xff, 0x38}), "-20.0"},
		{(&kind{logical: unsigned8}).integer(-1), "255"},
		{(&kind{logical: unsigned, physical: int32Type}).integer(-1), "4294967295"},
		{(&kind{logical: unsigned, physical: int64Type}).integer(-1), "18446744073709551615"},
		{(&kind{logical: float16, physical: fixedLength}).bytes([]byte{0, 0x3e}), "1.5"},
		{(&kind{logical: uuid, physical: fixedLength}).bytes([]byte("0123456789abcdef")), "30313233-3435-3637-3839-616263646566"},
		{number(5, 64), "5"},
		{number(1e-9, 64), "1e-09"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestLZ4(t *testing.T) {
	// "abcabcabcabc!": three literals, a copy of 9 from 3 back, one literal.
	if got, err := unpackLZ4([]byte{0x35, 'a', 'b', 'c', 3, 0, 0x10, '!'}, 13); err != nil || string(got) != "abcabcabcabc!" {
		t.Errorf("%q, %v", got, err)
	}
	for _, in := range [][]byte{{0x35, 'a'}, {0x10, 'a', 9, 0}, {0xf0, 255, 255}, {0x1f, 'a', 1, 0, 255, 255, 255, 255}} {
		if _, err := unpackLZ4(in, 20); err == nil {
			t.Errorf("%v is accepted", in)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, [][]Cell{{{Text: "很好"}, {Spans: []Span{{0, 2, "X"}}}}, {{Null: true}, {}}}, Field{Name: "text"}, Field{Name: "s", Spans: true}))
	f.Add(written(f, nil, Field{Name: "text"}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := dump(content); err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("an error of several lines: %q", err)
		}
	})
}
